import { call, check } from 'sparkify';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { armedFailpoint } from '../../../src/core/failpoints.ts';
import { latestBatch } from '../../../src/ledger/batches.ts';
import { cancelRun } from '../../../src/orchestrator/runs/cancel-run.ts';
import { markTask } from '../../../src/orchestrator/runs/mark-task.ts';
import { retryRun } from '../../../src/orchestrator/runs/retry-run.ts';
import type { RunSummary } from '../../../src/orchestrator/worker/run-summary.ts';
import type { Worker, WorkerOptions } from '../../../src/orchestrator/worker/worker.ts';
import type { Check } from '../../../src/pipeline/check.ts';
import type { ResolvedPipeline } from '../../../src/pipeline/define.ts';
import { isAllTime } from '../../../src/pipeline/interval.ts';
import { VisitsWorld, visit } from '../../operators/visits.ts';
import { useQuickDirectory } from '../../property/quick-directory.ts';
import { WorkerWorld } from './worker-world.ts';

describe('runs that work on a warehouse', () => {
  let world: WorkerWorld;
  let visits: VisitsWorld;

  beforeAll(useQuickDirectory);
  beforeEach(async () => {
    world = await new WorkerWorld().open();
    visits = await new VisitsWorld().open();
    visits.write('1.json', [visit(1), visit(2), visit(3)]);
  });
  afterEach(async () => {
    await world.close();
    await visits.close();
  });

  const worker = (change: Partial<WorkerOptions> = {}, pipelines = [visits.pipeline]): Promise<Worker> =>
    world.worker(pipelines, {
      // The world looks into it too, so it stays open.
      warehouse: { open: async () => ({ ...shared(), close: async () => {} }) },
      ingestThreads: 0,
      ...change,
    });
  const shared = () => {
    const { warehouse: w } = visits;
    return {
      url: w.url,
      capabilities: w.capabilities,
      dialect: w.dialect,
      compute: w.compute,
      segments: w.segments,
      identity: w.identity.bind(w),
      read: w.read.bind(w),
      transaction: w.transaction.bind(w),
      load: w.load.bind(w),
      lockPipeline: w.lockPipeline.bind(w),
    };
  };
  const report = async (id: number): Promise<RunSummary> =>
    JSON.parse((await world.runRow(id)).report_json!) as RunSummary;
  const batchState = async (): Promise<string | undefined> =>
    (await visits.warehouse.read((s) => latestBatch(s, 'visits')))?.state;
  const withChecks = (extra: readonly Check[]): ResolvedPipeline => ({
    ...visits.pipeline,
    checks: [...visits.pipeline.checks, ...extra],
  });
  /** Its fact never comes to an end. */
  const endless = (): ResolvedPipeline => withPlace('(select count(*) from range(1000000000000))');
  /** Another SQL for a column of the fact. */
  const withPlace = (sql: string): ResolvedPipeline => {
    const { pipeline } = visits;
    const tables = pipeline.tables.map((t) =>
      t.name === 'visits' && t.kind === 'fact'
        ? {
            ...t,
            columns: t.columns.map((c) => (c.name === 'place' ? { ...c, sql } : c)),
          }
        : t,
    );
    return {
      ...pipeline,
      tables,
      tasks: pipeline.tasks.map((t) =>
        t.operator.kind === 'load-fact'
          ? {
              ...t,
              operator: { ...t.operator, table: tables[0] as never },
              options: { ...t.options, timeoutMs: 60_000 },
            }
          : t,
      ),
    };
  };

  test('a run publishes, and its report is in the store when it has ended', async () => {
    await worker();
    const id = await world.run(visits.pipeline);
    expect(await world.ended(id)).toMatchObject({ state: 'succeeded', holder: null });
    expect(await report(id)).toMatchObject({
      outcome: 'published',
      epoch: 1,
      stages: [{ staging: 'staging_visits', incoming: 1, staged: 3 }],
      deltas: [
        { table: 'visits', added: 3 },
        { table: 'guests', added: 3 },
      ],
    });
    expect(await world.events('run.succeeded')).toMatchObject([{ runId: id, outcome: 'published' }]);
    expect(isAllTime((await report(id)).interval)).toBe(false);
    // Nothing to do: the same interval once more.
    const again = await world.run(visits.pipeline);
    await world.ended(again);
    expect(await report(again)).toMatchObject({ outcome: 'nothing-new', epoch: 1 });
  });

  test('what is staged is read while the tables are created, if it waits for them alone and belongs to the run', async () => {
    await worker();
    const id = await world.run(visits.pipeline);
    await world.ended(id);
    expect(await world.told(id)).toContain(
      'stage_visits succeeded: 3 records from 1 of 1 objects; read beside create_tables',
    );
    visits.write('2.json', [visit(4)]);
    const others = await world.run(visits.pipeline, { only: ['create_tables'] });
    expect(await world.ended(others)).toMatchObject({ state: 'succeeded' });
    expect(await visits.warehouse.read((s) => s.all('select uri from sparkify_ledger.objects'))).toHaveLength(1);
  });

  test('two runs of one pipeline follow one another', async () => {
    await worker();
    const ids = [await world.run(visits.pipeline), await world.run(visits.pipeline)];
    for (const id of ids) expect(await world.ended(id)).toMatchObject({ state: 'succeeded' });
    expect((await Promise.all(ids.map(report))).map((r) => r.outcome)).toEqual(['published', 'nothing-new']);
  });

  test('a dry run shows what it would do, and leaves nothing', async () => {
    await worker();
    const id = await world.run(visits.pipeline, { dryRun: true });
    expect(await world.ended(id)).toMatchObject({ state: 'succeeded' });
    expect(await report(id)).toMatchObject({ outcome: 'dry-run', epoch: 0, deltas: [{ added: 3 }, { added: 3 }] });
    expect(await batchState()).toBe('dry-run');
  });

  test('what was marked by hand is a gap, and a run with a gap does not publish', async () => {
    const id = await world.run(visits.pipeline);
    await world.store.write((tx) =>
      markTask(tx, world.graphs, id, 'create_tables', { state: 'succeeded', by: 'anna' }),
    );
    await worker();
    await world.ended(id);
    expect((await world.told(id)).at(-1)).toBe(
      'publish skipped: not published: create_tables was marked as succeeded by anna',
    );
    expect(await report(id)).toMatchObject({ outcome: 'partial', epoch: 0 });
  });

  test('a check that fails ends the run and keeps its batch; retried under a better one it takes it up', async () => {
    const strict = withChecks([check.rowCount('visits', { max: 2 })]);
    const w = await worker({}, [strict]);
    const id = await world.run(strict);
    expect(await world.ended(id)).toMatchObject({ state: 'failed' });
    expect(JSON.parse((await world.runRow(id)).error_json!)).toMatchObject({ code: 'CHECKS_FAILED' });
    expect(await batchState()).toBe('failed');
    w.replacePipelines({ resolved: [visits.pipeline], broken: [] });
    await world.store.write((tx) => retryRun(tx, world.graphs, id, { by: 'anna' }));
    expect(await world.ended(id)).toMatchObject({ state: 'succeeded' });
    expect(await report(id)).toMatchObject({ outcome: 'published', batchId: 1 });
    expect(await visits.visits()).toEqual([1, 2, 3]);
  });

  test('a load that fails costs the one beside it no attempt', async () => {
    const failing = withPlace("error('no such place')");
    const stage = failing.tasks.find((t) => t.operator.kind === 'load-fact')!.after;
    const beside: ResolvedPipeline = {
      ...failing,
      tasks: failing.tasks.map((t) => (t.operator.kind === 'load-dimension' ? { ...t, after: stage } : t)),
    };
    await worker({}, [beside]);
    const id = await world.run(beside);
    expect(await world.ended(id)).toMatchObject({ state: 'failed' });
    expect(await world.taskRow(id, 'load_guests')).toMatchObject({ state: 'succeeded', attempt: 1 });
    const started = (await world.events('task.started')).map((e) => `${e.task} ${e.attempt}`);
    expect(started.filter((s) => s.startsWith('load_')).sort()).toEqual(['load_guests 1', 'load_visits 1']);
  });

  test('cancelling interrupts the statement that runs', async () => {
    const slow = endless();
    let loading: () => void = () => {};
    const begun = new Promise<void>((resolve) => {
      loading = resolve;
    });
    await worker({ failpoints: armedFailpoint('delta.before', () => loading()) }, [slow]);
    const id = await world.run(slow);
    await begun;
    await world.store.write((tx) => cancelRun(tx, world.graphs, id, { by: 'anna' }));
    expect(await world.ended(id)).toMatchObject({ state: 'cancelled' });
  });

  test('a data task that takes too long is interrupted', async () => {
    const slow = endless();
    await worker({ failpoints: armedFailpoint('delta.before', () => world.time.advance(60_000)) }, [slow]);
    const id = await world.run(slow);
    expect(JSON.parse((await world.ended(id)).error_json!)).toMatchObject({ code: 'TASK_TIMEOUT' });
  });

  test('when its holder is lost, another worker opens the run again and publishes it once', async () => {
    const slow = endless();
    let loading: () => void = () => {};
    const begun = new Promise<void>((resolve) => {
      loading = resolve;
    });
    const first = await worker({ failpoints: armedFailpoint('delta.before', () => loading()), leaseMs: 15_000 }, [
      slow,
    ]);
    const id = await world.run(visits.pipeline);
    await begun;
    first.replacePipelines({ resolved: [], broken: [] });
    await world.store.write(async (tx) => {
      await tx.run("update tasks set lease_until_ms = 0 where state = 'running'");
      await tx.run('update runs set holder_until_ms = 0');
    });
    await world.queue().expire();
    await worker();
    world.time.advance(5_000);
    expect(await world.ended(id)).toMatchObject({ state: 'succeeded' });
    expect(await report(id)).toMatchObject({ outcome: 'published', epoch: 1, batchId: 2 });
    expect(await world.taskRow(id, 'load_visits')).toMatchObject({ attempt: 2, crashes: 1 });
    expect(await world.taskRow(id, 'stage_visits')).toMatchObject({ attempt: 1 });
    first.stop('now');
  });

  test('an attempt that is lost while it publishes does not commit', async () => {
    const queue = world.queue();
    let publishing = false;
    await worker({
      failpoints: armedFailpoint('publish.before', () => {
        publishing = true;
      }),
      queue: {
        ...queue,
        renew: async (claims, leaseMs) => (publishing ? { lost: claims, cancelled: [] } : queue.renew(claims, leaseMs)),
      },
    });
    const id = await world.run(visits.pipeline);
    expect(JSON.parse((await world.ended(id)).error_json!)).toMatchObject({ code: 'TASK_INTERRUPTED' });
    expect(await visits.rows('visits')).toEqual([]);
    expect(await batchState()).toBe('failed');
  });

  test('functions between data tasks run while the run is held; held too long for nothing it is given back', async () => {
    let open: () => void = () => {};
    const passed = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { pipeline } = visits;
    const wait = call('wait', () => passed).tasks[0]!;
    const options = pipeline.tasks[0]!.options;
    const withWait: ResolvedPipeline = {
      ...pipeline,
      tasks: pipeline.tasks.flatMap((t) =>
        t.name === 'publish'
          ? [
              { ...wait, options, after: ['quality'] },
              { ...t, after: ['wait'] },
            ]
          : [t],
      ),
    };
    await worker({ holdIdleMs: 10_000, leaseMs: 15_000 }, [withWait]);
    const id = await world.run(withWait);
    await world.until(async () => ((await world.taskRow(id, 'wait')).state === 'running' ? true : undefined));
    expect((await world.runRow(id)).holder).not.toBeNull();
    for (let i = 0; i < 4; i++) {
      world.time.advance(5_000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await world.until(async () => ((await world.runRow(id)).holder === null ? true : undefined));
    // Another run of the pipeline may have the lock meanwhile.
    expect(await visits.run({ interval: { startMs: 1, endMs: 2 } })).toMatchObject({ outcome: 'published', epoch: 1 });
    open();
    expect(await world.ended(id)).toMatchObject({ state: 'succeeded' });
    expect(await report(id)).toMatchObject({ outcome: 'published', epoch: 2 });
  });
});
