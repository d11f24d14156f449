import { expect, test } from 'vitest';
import { testProject } from './project.ts';

test('a graph is drawn with its shape, its groups and what is special, of a pipeline that never ran too', async () => {
  const project = testProject(`
    export default { params: { sparkify: { logData: 'logs', songData: 'songs' } } };`);
  const { code, out } = await project.cli('plan', 'sparkify', '--graph');
  expect(code).toBe(0);
  expect(out).toContain('sparkify  0 0 * * * UTC  deadline 6 hours  3 retries after 5 minutes\n');
  expect(out).toContain(
    'begin → wait_for_events → create_tables → [stage_events, stage_songs] → load_songplays → load_dimensions (4) →',
  );
  expect(out).toMatch(/^├─● {2}stage_events +stage$/m);
  expect(out).toMatch(/^╰─● {2}load_time +load_dimensions {2}load-dimension$/m);
  const graph = await project.json<{ tasks: { name: string }[] }>('plan', 'sparkify', '--graph');
  expect(graph.tasks[0]!.name).toBe('begin');
  const typo = await project.cli('plan', 'sparkfy', '--graph');
  expect(typo.code).toBe(2);
  expect(typo.err).toContain('sparkify');
});
