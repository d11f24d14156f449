import { expect, test } from 'vitest';
import { runCli } from '../../../src/cli/program.ts';
import { createRun } from '../../../src/orchestrator/runs/create-run.ts';
import { createRunGraphs } from '../../../src/orchestrator/runs/run-graph.ts';
import { startRuns } from '../../../src/orchestrator/runs/start-runs.ts';
import { ALL_TIME } from '../../../src/pipeline/interval.ts';
import { graphFrom } from '../../orchestrator/graphs.ts';
import { fakeContext } from '../fake-context.ts';
import { steps, testProject } from './project.ts';

interface Listed {
  readonly id: number;
  readonly state: string;
  readonly kind: string;
  readonly requestedBy: string;
  readonly error: { readonly message: string } | null;
}

test('a run leaves a durable run behind, with its logs, and says how it went', async () => {
  const project = testProject(steps);
  const { code, out, err } = await project.cli('run', 'steps');
  expect(code).toBe(0);
  expect(out).toMatch(/^✓ Run 1 of steps \(all time\) succeeded in /);
  expect(err.split('\n')).toEqual(expect.arrayContaining(['one: started', 'two: started']));
  expect(err).toContain('one: done in');
  expect(await project.json<Listed[]>('runs', 'list')).toMatchObject([{ id: 1, state: 'succeeded', kind: 'manual' }]);
  expect((await project.cli('logs', '1', 'one')).out).toContain('hello');
  expect(await project.json('run', 'steps', '--interval', '2018-11-01')).toMatchObject({
    run: 2,
    outcome: 'succeeded',
    interval: { start: '2018-11-01T00:00:00.000Z', end: '2018-11-02T00:00:00.000Z' },
  });
});

test('a failed run tells its error and can be resumed; what had succeeded is not done again', async () => {
  const project = testProject(steps);
  const failed = await project.cli('run', 'steps', '--set', 'mode=fail');
  expect(failed.code).toBe(1);
  expect(failed.out).toBe('');
  expect(failed.err).toContain('broken on purpose');
  expect(failed.err).toContain('[FUNCTION_FAILED]');
  expect(failed.err).toContain('`sparkify resume 1` carries on');
  const again = await project.cli('resume', '1');
  expect(again.code).toBe(1);
  expect(again.err).not.toContain('one: started');
  expect(again.err).toContain('two: started');
  const done = await project.cli('run', 'steps');
  expect(done.code).toBe(0);
  expect((await project.cli('resume', '2')).err).toContain('[RETRY_NOTHING]');
  const [, first] = await project.json<Listed[]>('runs', 'list');
  expect(first).toMatchObject({ id: 1, state: 'failed', error: { message: expect.stringContaining('two: ') } });
});

test('Ctrl-C asks where somebody is there, cancels the run, and resume carries on', async () => {
  const project = testProject(steps);
  let interrupt: (times: number) => void = () => {};
  const questions: string[] = [];
  const answers = ['n', 'y'];
  const context = fakeContext({
    cwd: project.directory,
    interactive: true,
    onInterrupt: (handler) => {
      interrupt = handler;
      return () => {};
    },
    ask: async (question) => {
      questions.push(question);
      const answer = answers.shift();
      // Not yet: the run goes on, and the next time it is meant.
      if (answer === 'n') setImmediate(() => interrupt(1));
      return answer;
    },
    err: {
      write: async (text) => {
        if (text.includes('two: waiting')) interrupt(1);
      },
    },
  });
  expect(await runCli(['run', 'steps', '--set', 'mode=wait'], context)).toBe(130);
  expect(questions).toEqual(Array(2).fill('Stop run 1? It can be resumed. [Y/n] '));
  expect(await project.json<Listed[]>('runs', 'list')).toMatchObject([{ id: 1, state: 'cancelled' }]);
  const resumed = await project.cli('runs', 'retry', '1');
  expect(resumed.code).toBe(0);
  expect(await project.json<Listed[]>('runs', 'list')).toMatchObject([{ id: 1, state: 'running' }]);
});

test('a run whose command was killed gives way to the next run of the same work, not to another', async () => {
  const project = testProject(steps);
  const graph = graphFrom('one, two after one', { pipeline: 'steps' });
  const [same, other] = await project.inStore((store) =>
    store.write(async (tx) => {
      const make = (params: Readonly<Record<string, unknown>>) =>
        createRun(tx, {
          graph,
          kind: 'manual',
          interval: ALL_TIME,
          request: { params },
          priority: 0,
          dueAtMs: tx.nowMs,
          requestedBy: 'ann',
        });
      const ids = [await make({}), await make({ mode: 'fail' })];
      await startRuns(tx, createRunGraphs(), ids);
      return ids;
    }),
  );
  expect((await project.cli('run', 'steps')).code).toBe(0);
  const states = new Map((await project.json<Listed[]>('runs', 'list')).map((r) => [r.id, r.state]));
  expect(states.get(same!)).toBe('cancelled');
  expect(states.get(other!)).toBe('running');
});

test('nothing is retried and a sensor looks once when somebody waits', async () => {
  const project = testProject(`
    import { call, chain, definePipeline, sensor, z } from 'sparkify';
    const flaky = definePipeline({
      name: 'flaky',
      params: z.object({}),
      defaults: { retries: { max: 5, delay: '1 hour' } },
      define: () => ({ stagings: [], tables: [], tasks: chain(
        sensor('never', { look: () => false, timeout: '1 day' }),
        call('after', () => {}),
      ) }),
    });
    export default { pipelines: [flaky] };`);
  const { code, err } = await project.cli('run', 'flaky');
  expect(code).toBe(1);
  expect(err).toContain('[SENSOR_TIMED_OUT]');
});

test('without an up nobody can be asked to run something later', async () => {
  const { code, err } = await testProject(steps).cli('run', 'steps', '--no-wait');
  expect(code).toBe(2);
  expect(err).toContain('Start `sparkify up`');
});
