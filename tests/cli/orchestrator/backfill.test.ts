import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testProject } from './project.ts';

interface Plan {
  readonly counts: Readonly<Record<string, number>>;
  readonly runs: readonly unknown[];
  readonly cells: readonly { readonly head: { readonly state: string; readonly reason: string } }[];
}

const FIVE_DAYS = ['--from', '2018-11-01', '--to', '2018-11-06'];

test('days are planned, backfilled, made stale by a late file, and repaired', async () => {
  const project = testProject(
    "export default { params: { sparkify: { logData: 'data/log_data', songData: 'data/song_data' } } };",
  );
  await project.cli('simulate', '--out', 'data', '--seed', '3', '--users', '12', '--songs', '20', '--to', '2018-11-06');

  // Looking leaves nothing behind.
  const first = await project.cli('plan', 'sparkify', ...FIVE_DAYS);
  expect(first.out).toContain('reading what their sources have, which was not listed yet');
  const dry = await project.cli('backfill', 'sparkify', ...FIVE_DAYS, '--dry-run', '--refresh');
  expect(dry.out).toContain('Would be done (open): 5 intervals in 1 run, reading 25 objects');
  expect(existsSync(join(project.directory, '.sparkify', 'store.db'))).toBe(false);
  expect(existsSync(join(project.directory, '.sparkify', 'warehouse.duckdb'))).toBe(false);
  // A listing is kept for whoever asks next.
  const fresh = await project.cli('plan', 'sparkify', ...FIVE_DAYS, '--refresh');
  expect(fresh.code).toBe(0);
  expect(fresh.err).toContain('staging_events: 5 objects listed, 5 of them not as published');
  expect(fresh.out).toMatch(/^sparkify 2018-11-01\/2018-11-06 {2}· 5 missing\n/);
  expect(fresh.out).toMatch(/^load_songplays {3}·····$/m);
  expect((await project.cli('plan', 'sparkify', ...FIVE_DAYS)).out).toMatch(/^staging_events: listed /m);

  const done = await project.cli('backfill', 'sparkify', ...FIVE_DAYS, '--coalesce', '3');
  expect(done.err + done.out).toMatch(
    /✓ Backfill 1 of sparkify \(2018-11-01\/2018-11-06\) succeeded in .+: 5 succeeded/,
  );
  expect(done.code).toBe(0);
  expect(await project.json('runs', 'list', '--backfill', '1')).toHaveLength(2);
  const shown = await project.cli('backfill', 'show', '1');
  expect(shown.out).toMatch(/^sparkify {2}✓✓✓✓✓$/m);

  appendFileSync(join(project.directory, 'data/log_data/2018/11/2018-11-03-events.json'), '{}\n');
  const plan = await project.json<Plan>('plan', 'sparkify', ...FIVE_DAYS, '--refresh');
  expect(plan.counts).toMatchObject({ done: 4, stale: 1, missing: 0 });
  expect(plan.cells[2]!.head).toMatchObject({
    state: 'stale',
    reason: 'log_data/2018/11/2018-11-03-events.json changed after it was published',
  });
  const repair = await project.json<{ state: string; counts: object }>(
    'backfill',
    'sparkify',
    ...FIVE_DAYS,
    '--scope',
    'stale',
  );
  expect(repair).toMatchObject({ state: 'succeeded', counts: { succeeded: 1 } });
  const after = await project.json<Plan>('plan', 'sparkify', ...FIVE_DAYS);
  expect(after).toMatchObject({ counts: { done: 5 }, runs: [] });
  const none = await project.cli('backfill', 'sparkify', ...FIVE_DAYS);
  expect(none).toMatchObject({ code: 0, out: expect.stringContaining('✓ nothing to do') });
  expect((await project.cli('backfill', 'list')).out).toMatch(/2 {2}sparkify .* stale +✓ succeeded/);
}, 60_000);

test('a backfill that nobody waits for is kept, paused, cancelled; what is wrong says so', async () => {
  const project = testProject("export default { params: { sparkify: { logData: 'data', songData: 'data' } } };");
  const asked = await project.cli('backfill', 'sparkify', ...FIVE_DAYS, '--no-wait');
  expect(asked.err).toContain('Nobody carries it out at the moment');
  expect((await project.cli('backfill', 'pause', '1')).out).toBe(
    'Backfill 1 of sparkify (2018-11-01/2018-11-06) is now paused\n',
  );
  expect((await project.cli('backfill', 'cancel', '1', '--dry-run')).out).toContain('dry run: nothing was changed');
  expect((await project.cli('backfill', 'cancel', '1')).out).toMatch(/is now cancell(?:ed|ing)\n/);
  expect(await project.json('backfill', 'list', '--pipeline', 'other')).toEqual([]);
  for (const [args, text] of [
    [['backfill', 'show', '9'], 'BACKFILL_UNKNOWN'],
    [['backfill', 'sparkfy', ...FIVE_DAYS], 'sparkify'],
    [['backfill', 'sparkify', '--from', 'yesterday'], '2018-11-01'],
    [['backfill', 'sparkify', ...FIVE_DAYS, '--tasks', 'load_usres'], 'load_users'],
    [['plan', 'sparkify', '--scope', 'som'], 'missing'],
  ] as const) {
    const { code, out, err } = await project.cli(...args);
    expect(err).toContain(text);
    expect([code, out]).toEqual([2, '']);
  }
});
