import { describe, expect, test } from 'vitest';
import { isSparkifyError } from '../../../src/core/errors.ts';
import type { ClaimedTask, Completion } from '../../../src/orchestrator/queue/queue.ts';
import { createTaskQueue } from '../../../src/orchestrator/queue/task-queue.ts';
import { cancelRun } from '../../../src/orchestrator/runs/cancel-run.ts';
import { createRuns } from '../../../src/orchestrator/runs/create-run.ts';
import { markTask } from '../../../src/orchestrator/runs/mark-task.ts';
import { retryRun, retryTask } from '../../../src/orchestrator/runs/retry-run.ts';
import { createRunGraphs } from '../../../src/orchestrator/runs/run-graph.ts';
import { startRuns } from '../../../src/orchestrator/runs/start-runs.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import { graphOfTasks, graphTask } from '../graphs.ts';
import { DAY_MS } from '../run-world.ts';
import { storeOpener } from '../stores.ts';

const POOLS = { narrow: 2, wide: 5 } as const;
/** `npm run test:long` has more of them, for about ten minutes of load. */
const RUNS = process.env.SPARKIFY_CASES === undefined ? 12 : 600;
const TASKS = ['begin', 'left', 'right', 'stage', 'load', 'each', 'past', 'end'] as const;

const graph = (pipeline: string) =>
  graphOfTasks(
    [
      graphTask('begin', { pool: 'narrow' }),
      graphTask('left', { after: ['begin'], pool: 'wide', poolSlots: 2 }),
      graphTask('right', { after: ['begin'], pool: 'wide', poolSlots: 3 }),
      graphTask('stage', { after: ['begin'], data: true }),
      graphTask('load', { after: ['stage', 'left'], data: true, pool: 'narrow' }),
      graphTask('each', { after: ['right'], mapped: true, pool: 'wide' }),
      graphTask('past', { after: ['each'], dependsOnPast: true }),
      graphTask('end', { after: ['load', 'past'], trigger: 'none_failed' }),
    ],
    { pipeline },
  );

describe('several workers on one PostgreSQL store', { timeout: 1_800_000 }, () => {
  const open = storeOpener('postgres');

  /** Stores that try nothing again: a deadlock, or a conflict of any kind, would be thrown. */
  async function openStores(count: number): Promise<readonly Store[]> {
    const { store, another } = await open({ busyMs: 0 });
    return [store, ...(await Promise.all(Array.from({ length: count - 1 }, () => another())))];
  }

  async function prepare(store: Store): Promise<readonly number[]> {
    return store.write(async (tx) => {
      for (const [name, slots] of Object.entries(POOLS))
        await tx.run('insert into pools (name, slots, from_config) values ($1, $2, 0)', [name, slots]);
      const graphs = [graph('p'), graph('q')];
      const ids = await createRuns(
        tx,
        Array.from({ length: RUNS }, (_, i) => ({
          graph: graphs[i % 2]!,
          kind: 'manual' as const,
          interval: { startMs: i * DAY_MS, endMs: (i + 1) * DAY_MS },
          request: { params: {} },
          priority: (i % 3) * 10,
          dueAtMs: 0,
          requestedBy: 'me',
        })),
      );
      await startRuns(tx, createRunGraphs(), ids);
      return ids;
    });
  }

  function completion(claimed: ClaimedTask): Completion {
    const { taskId, worker, attempt, row } = claimed;
    const claim = { taskId, worker, attempt };
    if (row.task === 'each' && row.map_index < 0) return { state: 'expanded', claim, inputs: [1, 2, 3] };
    return { state: 'succeeded', claim, detail: 'done' };
  }

  /** Looks at the pools again and again, from outside, until told to stop. */
  async function watchPools(store: Store, isOver: () => boolean): Promise<Record<string, number>> {
    const most: Record<string, number> = { narrow: 0, wide: 0 };
    while (!isOver()) {
      const rows = await store.db
        .selectFrom('tasks')
        .select(['pool', (e) => e.fn.sum<number>('pool_slots').as('used')])
        .where('state', '=', 'running')
        .where('pool', 'is not', null)
        .groupBy('pool')
        .execute();
      for (const { pool, used } of rows) most[pool!] = Math.max(most[pool!] ?? 0, Number(used));
    }
    return most;
  }

  /** Claims and ends until nothing is left; gives the claims. */
  async function work(store: Store, name: string, isOver: () => boolean): Promise<readonly ClaimedTask[]> {
    const queue = createTaskQueue(store, { random: Math.random });
    const all: ClaimedTask[] = [];
    while (!isOver()) {
      const request = { worker: name, queues: ['default'], limit: 4, warehouse: true, leaseMs: 600_000 };
      const claimed = await queue.claim(request);
      all.push(...claimed);
      await Promise.all([
        queue.renew(claimed, 600_000),
        claimed.length > 0 ? queue.complete(claimed.map(completion)) : queue.expire(),
      ]);
    }
    return all;
  }

  async function unfinished(store: Store): Promise<number> {
    const row = await store.db
      .selectFrom('runs')
      .select((e) => e.fn.countAll().as('count'))
      .where('finished_at_ms', 'is', null)
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }

  test('do each task once, never over-book a pool, and never meet in a deadlock', async () => {
    const stores = await openStores(3);
    const ids = await prepare(stores[0]!);
    let over = false;
    const isOver = (): boolean => over;
    const watching = watchPools(stores[2]!, isOver);
    const working = [0, 1, 2, 3].map((i) => work(stores[i % 2]!, `w${i}`, isOver));
    const all = Promise.all([...working, watching]);
    while ((await Promise.race([all.then(() => 0), unfinished(stores[2]!)])) > 0);
    over = true;
    const most = await watching;
    const claims = (await Promise.all(working)).flat();
    expect(most.narrow).toBeLessThanOrEqual(POOLS.narrow);
    expect(most.wide).toBeLessThanOrEqual(POOLS.wide);
    expect(most.narrow! + most.wide!).toBeGreaterThan(2);
    expect(claims).toHaveLength(ids.length * (TASKS.length + 3));
    expect(new Set(claims.map((c) => c.taskId)).size).toBe(claims.length);
    expect(new Set(claims.map((c) => c.worker)).size).toBe(4);
    const runs = await stores[0]!.db.selectFrom('runs').select('state').distinct().execute();
    expect(runs).toEqual([{ state: 'succeeded' }]);
  });

  test('get on while people cancel, retry and mark what they work on', async () => {
    const stores = await openStores(3);
    const ids = await prepare(stores[0]!);
    let over = false;
    const working = [0, 1, 2, 3].map((i) => work(stores[i % 2]!, `w${i}`, () => over));
    const graphs = createRunGraphs();
    const refused = new Set<string>();
    let random = 42;
    const draw = (below: number): number => {
      random = (random * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((random / 2 ** 31) * below);
    };
    const meddle = async (): Promise<void> => {
      const run = ids[draw(ids.length)]!;
      const task = TASKS[draw(TASKS.length)]!;
      const acts = [
        (tx: Parameters<typeof cancelRun>[0]) => cancelRun(tx, graphs, run, { by: 'me' }),
        (tx: Parameters<typeof cancelRun>[0]) => retryRun(tx, graphs, run, { by: 'me' }),
        (tx: Parameters<typeof cancelRun>[0]) => retryTask(tx, graphs, run, task, { by: 'me' }),
        (tx: Parameters<typeof cancelRun>[0]) => markTask(tx, graphs, run, task, { by: 'me', state: 'succeeded' }),
      ];
      try {
        await stores[2]!.write(async (tx) => {
          await acts[draw(acts.length)]!(tx);
        });
      } catch (error) {
        if (!isSparkifyError(error) || !/^(RUN|TASK|RETRY)_/.test(error.code)) throw error;
        refused.add(error.code);
      }
    };
    const all = Promise.all(working);
    for (let i = 0; i < RUNS * 4; i++) await Promise.race([all, meddle()]);
    // Whatever has come of it: taken up again, every run succeeds.
    for (let open = [0]; open.length > 0; ) {
      const runs = await Promise.race([
        all.then(() => []),
        stores[2]!.db.selectFrom('runs').select(['id', 'state']).where('state', '<>', 'succeeded').execute(),
      ]);
      open = runs.map((r) => r.id);
      for (const { id, state } of runs)
        if (state === 'cancelled' || state === 'failed')
          await stores[2]!.write((tx) => retryRun(tx, graphs, id, { by: 'me' }));
    }
    over = true;
    await all;
    expect(refused.size).toBeGreaterThan(2);
    const wrong = await stores[0]!.write((tx) =>
      tx.all(
        `select r.id, r.state, r.unfinished, r.failures from runs r
         where r.unfinished <> (select count(*) from tasks t where t.run_id = r.id and t.finished_at_ms is null)
           or r.failures <> (select count(*) from tasks t where t.run_id = r.id and t.state in ('failed', 'upstream_failed'))
           or r.finished_at_ms is null or r.holder is not null`,
      ),
    );
    expect(wrong).toEqual([]);
  });
});
