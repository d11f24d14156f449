import type { Insertable } from 'kysely';
import { describe, expect, test } from 'vitest';
import { pruneStore } from '../../../src/orchestrator/store/retention/prune-store.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import type { RunRow, StoreTables } from '../../../src/orchestrator/store/tables.ts';
import { eachStore, startMs } from '../stores.ts';

const DAY_MS = 86_400_000;
const daysAgo = (days: number): number => startMs - days * DAY_MS;

function add<T extends keyof StoreTables>(
  store: Store,
  table: T,
  ...rows: Insertable<StoreTables[T]>[]
): Promise<void> {
  return store.write(async ({ db }) => {
    for (const row of rows)
      await db
        .insertInto(table)
        .values(row as never)
        .execute();
  });
}

/** A run that ended so many days ago, with one task, one attempt and one event. */
async function addRun(
  store: Store,
  id: number,
  endedDaysAgo: number,
  run: Partial<Insertable<RunRow>> = {},
): Promise<void> {
  const at = daysAgo(endedDaysAgo);
  await add(store, 'runs', {
    id,
    pipeline: 'songs',
    version: 'v1',
    kind: 'manual',
    backfill_id: null,
    start_ms: id * DAY_MS,
    end_ms: (id + 1) * DAY_MS,
    state: 'succeeded',
    priority: 0,
    request_json: '{}',
    due_at_ms: at,
    created_at_ms: at,
    started_at_ms: at,
    finished_at_ms: at,
    deadline_ms: null,
    late: 0,
    unfinished: 0,
    failures: 0,
    holder: null,
    holder_until_ms: null,
    error_json: null,
    report_json: null,
    requested_by: 'test',
    ...run,
  });
  const task = {
    id,
    run_id: id,
    pipeline: 'songs',
    task: 'load',
    map_index: -1,
    state: 'succeeded' as const,
    priority: 0,
    queue: 'default',
    pool_slots: 1,
    data: 0,
    ready_at_ms: at,
    blockers: 0,
    blockers_failed: 0,
    blockers_skipped: 0,
    attempt: 1,
    failures: 0,
    crashes: 0,
    looks: 0,
  };
  await add(store, 'tasks', task as never);
  await add(store, 'attempts', {
    task_id: id,
    attempt: 1,
    run_id: id,
    worker: 'w',
    state: 'succeeded',
    started_at_ms: at,
  } as never);
  await add(store, 'run_cells', { run_id: id, start_ms: 0, end_ms: 1 });
  await addEvent(store, at, id);
}

async function addEvent(store: Store, at_ms: number, run_id: number | null = null): Promise<void> {
  await add(store, 'events', { at_ms, type: 'run.started', pipeline: 'songs', run_id, task_id: null, body_json: '{}' });
}

async function addCell(store: Store, run_id: number, state: 'succeeded' | 'failed'): Promise<void> {
  await add(store, 'cells', {
    pipeline: 'songs',
    task: 'load',
    start_ms: run_id * DAY_MS,
    end_ms: (run_id + 1) * DAY_MS,
    state,
    run_id,
    semantic_version: 's',
    at_ms: startMs,
    reason: null,
  } as never);
}

async function addBackfill(
  store: Store,
  id: number,
  state: 'running' | 'succeeded',
  endedDaysAgo: number,
): Promise<void> {
  await add(store, 'backfills', {
    id,
    pipeline: 'songs',
    version: 'v2',
    start_ms: 0,
    end_ms: 1,
    scope: 'all',
    tasks_json: null,
    newest_first: 0,
    max_active: 1,
    priority: 20,
    state,
    request_json: '{}',
    created_at_ms: daysAgo(endedDaysAgo),
    finished_at_ms: state === 'running' ? null : daysAgo(endedDaysAgo),
    requested_by: 'test',
    error_json: null,
  });
  await add(store, 'backfill_cells', {
    backfill_id: id,
    start_ms: 0,
    end_ms: 1,
    position: 0,
    state: 'succeeded',
    run_id: null,
    reason: null,
  });
}

async function idsOf(store: Store, table: 'runs' | 'tasks' | 'backfills'): Promise<number[]> {
  return (await store.db.selectFrom(table).select('id').orderBy('id').execute()).map((row) => row.id);
}

eachStore((_, open) => {
  describe('pruning', () => {
    test('takes old runs with their tasks, attempts, cells and events; the latest stay however old', async () => {
      const { store } = await open();
      for (const [id, days] of [1, 2, 3, 4, 5].entries()) await addRun(store, id + 1, 200 - days);
      await addRun(store, 6, 100, { pipeline: 'rare' });
      await addRun(store, 7, 10);
      const pruned = await pruneStore(store, { keepPerPipeline: 2 });
      expect(pruned).toMatchObject({ runIds: [1, 2, 3, 4], versions: 0 });
      for (const table of ['runs', 'tasks'] as const) expect(await idsOf(store, table)).toEqual([5, 6, 7]);
      const attempts = await store.db.selectFrom('attempts').select('run_id').orderBy('run_id').execute();
      const cells = await store.db.selectFrom('run_cells').select('run_id').orderBy('run_id').execute();
      for (const rows of [attempts, cells]) expect(rows.map((row) => row.run_id)).toEqual([5, 6, 7]);
      expect(await store.db.selectFrom('events').select('run_id').execute()).toEqual([{ run_id: 7 }]);
      expect(await pruneStore(store, { keepPerPipeline: 2 })).toMatchObject({ runIds: [], events: 0 });
    });

    test('leaves runs that have not ended, or whose backfill has not', async () => {
      const { store } = await open();
      await addBackfill(store, 1, 'running', 200);
      await addBackfill(store, 2, 'succeeded', 200);
      await addRun(store, 1, 200, { state: 'running', finished_at_ms: null });
      await addRun(store, 2, 200, { kind: 'backfill', backfill_id: 1 });
      await addRun(store, 3, 200, { kind: 'backfill', backfill_id: 2 });
      await addRun(store, 4, 200);
      expect((await pruneStore(store, { keepPerPipeline: 1 })).runIds).toEqual([3]);
    });

    test('leaves cells, and runs that say why one did not succeed', async () => {
      const { store } = await open();
      for (const id of [1, 2, 3]) await addRun(store, id, 200, { state: id === 1 ? 'failed' : 'succeeded' });
      await addCell(store, 1, 'failed');
      await addCell(store, 2, 'succeeded');
      expect((await pruneStore(store, { keepPerPipeline: 1 })).runIds).toEqual([2]);
      const cells = await store.db.selectFrom('cells').select(['run_id', 'state']).orderBy('run_id').execute();
      expect(cells).toEqual([
        { run_id: 1, state: 'failed' },
        { run_id: 2, state: 'succeeded' },
      ]);
    });

    test('leaves events that a remembered reader has not read, or stands at', async () => {
      const { store } = await open();
      for (const days of [60, 59, 58, 57, 56, 5]) await addEvent(store, daysAgo(days));
      await add(store, 'cursors', { name: 'alerts', seq: 4 }, { name: 'alarm:songs', seq: 2 });
      expect((await pruneStore(store)).events).toBe(2);
      const left = async (): Promise<number[]> =>
        (await store.db.selectFrom('events').select('seq').orderBy('seq').execute()).map((row) => row.seq);
      expect(await left()).toEqual([2, 4, 5, 6]);
      await store.write(({ db }) => db.deleteFrom('cursors').execute());
      expect((await pruneStore(store)).events).toBe(3);
      expect(await left()).toEqual([6]);
      await addEvent(store, startMs);
      expect(await left()).toEqual([6, 7]);
    });

    test('takes ended backfills whose runs are gone, but the latest, and versions nobody refers to', async () => {
      const { store } = await open();
      for (const id of [1, 2, 3]) await addBackfill(store, id, id === 2 ? 'running' : 'succeeded', 200);
      for (const version of ['v1', 'v2', 'v3', 'v4'])
        await add(store, 'pipeline_versions', {
          pipeline: 'songs',
          version,
          semantic_version: 's',
          graph_json: '{}',
          created_at_ms: daysAgo(version === 'v4' ? 1 : 200),
        });
      await addRun(store, 1, 10);
      const pruned = await pruneStore(store, { keepPerPipeline: 1 });
      expect(pruned).toMatchObject({ backfills: 1, versions: 1 });
      expect(await idsOf(store, 'backfills')).toEqual([2, 3]);
      const versions = await store.db.selectFrom('pipeline_versions').select('version').orderBy('version').execute();
      expect(versions.map((row) => row.version)).toEqual(['v1', 'v2', 'v4']);
    });

    test('takes answers, deliveries and workers of long ago', async () => {
      const { store } = await open();
      const delivery = { target: 't', body_json: '{}', tries: 1, next_at_ms: 0, sent_at_ms: null, error: null };
      await add(
        store,
        'deliveries',
        { ...delivery, key: 'old', state: 'sent', created_at_ms: daysAgo(40) },
        { ...delivery, key: 'due', state: 'pending', created_at_ms: daysAgo(40) },
        { ...delivery, key: 'new', state: 'failed', created_at_ms: daysAgo(4) },
      );
      const answer = { request: 'r', status: 200, body_json: '{}' };
      await add(
        store,
        'idempotency',
        { ...answer, key: 'old', created_at_ms: daysAgo(3) },
        { ...answer, key: 'new', created_at_ms: startMs },
      );
      await pruneStore(store);
      const keys = async (table: 'deliveries' | 'idempotency'): Promise<unknown> =>
        (await store.db.selectFrom(table).select('key').orderBy('key').execute()).map((row) => row.key);
      expect(await keys('deliveries')).toEqual(['due', 'new']);
      expect(await keys('idempotency')).toEqual(['new']);
    });

    test('a run with very many tasks goes whole', async () => {
      const { store } = await open();
      for (const id of [1, 2, 3]) await addRun(store, id, 200 - id);
      await store.write(async (tx) => {
        await tx.run(
          `insert into tasks (id, run_id, pipeline, task, map_index, state, priority, queue, pool_slots, data, ready_at_ms, blockers,
             blockers_failed, blockers_skipped, attempt, failures, crashes, looks)
           select 1000 + n.seq, 1, 'songs', 'each', n.seq, 'succeeded', 0, 'default', 1, 0, 0, 0, 0, 0, 1, 0, 0, 0
           from (with recursive n (seq) as (select 0 union all select seq + 1 from n where seq < 2999) select seq from n) n`,
        );
      });
      expect((await pruneStore(store, { keepPerPipeline: 1 })).runIds).toEqual([1, 2]);
      expect(await idsOf(store, 'tasks')).toEqual([3]);
    });

    test('ends between two batches when it is told to', async () => {
      const { store } = await open();
      await addRun(store, 1, 200);
      await addRun(store, 2, 200);
      const stopped = pruneStore(store, { keepPerPipeline: 1, signal: AbortSignal.abort(new RangeError('stop')) });
      await expect(stopped).rejects.toThrow(RangeError);
      expect(await idsOf(store, 'runs')).toEqual([1, 2]);
    });
  });
});
