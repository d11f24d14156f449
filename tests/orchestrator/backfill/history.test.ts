import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { resumeBackfill } from '../../../src/orchestrator/backfill/change-backfill.ts';
import { type BackfillOptions, createBackfill } from '../../../src/orchestrator/backfill/create-backfill.ts';
import { cellsOfBackfill, findBackfill } from '../../../src/orchestrator/backfill/read-backfills.ts';
import type { PlanRequest } from '../../../src/orchestrator/cells/plan.ts';
import type { PlanRange } from '../../../src/orchestrator/cells/plan-grid.ts';
import { openAttemptLogs } from '../../../src/orchestrator/logs/attempt-logs.ts';
import { type RunningNode, startNode } from '../../../src/orchestrator/node/node.ts';
import { formatInterval } from '../../../src/pipeline/interval.ts';
import { useQuickDirectory } from '../../property/quick-directory.ts';
import { DaysWorld, november } from '../cells/days-world.ts';

let world: DaysWorld;
let node: RunningNode;
const notes: string[] = [];

beforeAll(useQuickDirectory);
beforeEach(async () => {
  notes.length = 0;
  world = await new DaysWorld().open();
  // Only backfills make runs here.
  await world.store.write((tx) => tx.run('update pipelines set paused = 1'));
  const { time, store } = world;
  node = await startNode({
    role: 'up',
    store,
    pipelines: { resolved: [world.pipeline], broken: [] },
    worker: {
      openSource: (root) => world.openSource(root),
      logs: openAttemptLogs({ directory: join(world.directory, 'logs'), clock: time, later: () => {} }),
      warehouse: { open: async () => world.lentWarehouse() },
      ingestThreads: 0,
    },
    embeddedWarehouse: true,
    clock: time,
    timers: time,
    monotonicMs: () => time.nowMs(),
    random: () => 0,
    note: (detail) => notes.push(detail),
    onFatal: () => {},
  });
});
afterEach(async () => {
  node.stop('now');
  await node.done;
  await world.close();
  expect(notes).toEqual([]);
});

const month = { fromMs: november(1).startMs, toMs: november(11).startMs };

async function backfill(
  request: PlanRequest & PlanRange = {},
  options: Partial<BackfillOptions> = {},
): Promise<{ readonly id: number; readonly state: string }> {
  const plan = await world.plan({ ...month, ...request });
  const id = (await createBackfill(world.store, plan, { requestedBy: 'ada', ...options }))!;
  return { id, state: await ended(id) };
}

async function ended(id: number): Promise<string> {
  for (;;) {
    const { row } = await findBackfill(world.store.db, id);
    if (row.finished_at_ms !== null) return row.state;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const runs = async (): Promise<readonly string[]> =>
  (await world.store.db.selectFrom('runs').selectAll().orderBy('id').execute()).map(
    (r) => `${formatInterval({ startMs: r.start_ms, endMs: r.end_ms })} ${r.state}`,
  );

test('a history by one backfill; changed and late objects make their days stale; their repair equals a rebuild', async () => {
  for (const day of [1, 2, 3, 4, 5, 6, 8, 9, 10]) world.write(day, [world.play(day, 1), world.play(day, 2)]);
  world.song(1, 'one');
  expect(await backfill({ coalesce: 4 })).toMatchObject({ state: 'succeeded' });
  expect(await runs()).toEqual([
    '2018-11-01/2018-11-05 succeeded',
    '2018-11-05/2018-11-09 succeeded',
    '2018-11-09/2018-11-11 succeeded',
  ]);
  expect(await world.openCells(month)).toEqual([]);
  expect(await world.rows('select count(*) from plays')).toEqual([[18]]);

  world.write(3, [world.play(3, 1), world.play(3, 7)]);
  world.write(7, [world.play(7, 1)]);
  await world.refresh();
  expect(await world.openCells(month)).toEqual([
    '03 stale: log/2018-11-03.json changed after it was published',
    '07 stale: log/2018-11-07.json came after it was published',
  ]);
  const { id, state } = await backfill({ scope: 'stale' });
  expect(state).toBe('succeeded');
  expect((await cellsOfBackfill(world.store.db, id)).map((c) => `${formatInterval(c)} ${c.state} ${c.reason}`)).toEqual(
    [
      `${formatInterval(november(3))} succeeded stale: log/2018-11-03.json changed after it was published`,
      `${formatInterval(november(7))} succeeded stale: log/2018-11-07.json came after it was published`,
    ],
  );
  expect(await world.openCells(month)).toEqual([]);
  expect(
    await world.rows('select id from plays where id between 300 and 399 or id between 700 and 799 order by id'),
  ).toEqual([[301], [307], [701]]);
  // Nothing is left to do.
  expect((await world.plan(month)).runs).toEqual([]);
  await world.refresh();
  expect((await world.plan(month)).runs).toEqual([]);

  const before = await world.checksums();
  await world.run({ rebuild: true });
  expect(await world.checksums()).toEqual(before);
});

test('a bad day keeps nobody else back, and is done when it is put right', async () => {
  for (const day of [1, 2, 3, 4, 5]) world.write(day, [world.play(day, 1, day === 3 ? 'bad' : 'good')]);
  const range = { toMs: november(6).startMs };
  const { id, state } = await backfill(range, { maxActive: 2 });
  expect(state).toBe('failed');
  expect(await runs()).toEqual([
    '2018-11-01/2018-11-06 failed',
    ...[1, 2, 3, 4, 5].map((n) => `${formatInterval(november(n))} ${n === 3 ? 'failed' : 'succeeded'}`),
  ]);
  const { row } = await findBackfill(world.store.db, id);
  expect(JSON.parse(row.error_json!).message).toMatch(
    /^1 of 5 cells failed, first 2018-11-03\/2018-11-04: quality: Not published: 1 check failed: plays\.kind /u,
  );
  expect(await world.openCells({ ...month, ...range })).toEqual([
    expect.stringMatching(
      /^03 failed: quality failed in run 4: Not published: 1 check failed: plays\.kind in \(good,better\)/u,
    ),
  ]);
  expect(await world.rows('select id from plays order by id')).toEqual([[101], [201], [401], [501]]);

  world.write(3, [world.play(3, 1)]);
  await resumeBackfill(world.store, id, 'ada');
  expect(await ended(id)).toBe('succeeded');
  expect(await runs()).toHaveLength(7);
  expect(await world.openCells({ ...month, ...range })).toEqual([]);
  const before = await world.checksums();
  await world.run({ rebuild: true });
  expect(await world.checksums()).toEqual(before);
});

test('looks of runs are kept, each with what it was at', async () => {
  world.write(1, [world.play(1, 1)]);
  await backfill({ toMs: november(2).startMs });
  const rows = await world.store.db.selectFrom('listings').selectAll().orderBy('staging').execute();
  expect(rows.map((r) => [r.staging, r.start_ms, r.end_ms, r.objects, r.whole_at_ms === null])).toEqual([
    ['staging_plays', november(0).startMs, november(2).endMs, 1, true],
    ['staging_songs', null, null, 0, false],
  ]);
});
