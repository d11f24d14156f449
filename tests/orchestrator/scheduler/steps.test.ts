import { every } from 'sparkify';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SparkifyError } from '../../../src/core/errors.ts';
import { createTaskQueue } from '../../../src/orchestrator/queue/task-queue.ts';
import { createRun } from '../../../src/orchestrator/runs/create-run.ts';
import { admitStep } from '../../../src/orchestrator/scheduler/admit-step.ts';
import { deadlineStep } from '../../../src/orchestrator/scheduler/deadline-step.ts';
import { recoverStep } from '../../../src/orchestrator/scheduler/recover-step.ts';
import { registerPipelines } from '../../../src/orchestrator/scheduler/register-pipelines.ts';
import { createScheduleStep } from '../../../src/orchestrator/scheduler/schedule-step.ts';
import { watchClock } from '../../../src/orchestrator/scheduler/watch-clock.ts';
import { ownIdentity } from '../../../src/orchestrator/worker/process-identity.ts';
import { registerWorker, SILENT_MS } from '../../../src/orchestrator/worker/registry.ts';
import type { ResolvedPipeline } from '../../../src/pipeline/define.ts';
import { call } from '../../../src/pipeline/function-tasks.ts';
import { graphOf } from '../../../src/pipeline/graph-of.ts';
import { useQuickDirectory } from '../../property/quick-directory.ts';
import { HOUR_MS, pipelineOf, SchedulerWorld, startMs } from './scheduler-world.ts';

const hourly = every('1 hour', { start: startMs });

describe('steps of the scheduler', () => {
  let world: SchedulerWorld;

  beforeAll(useQuickDirectory);
  beforeEach(async () => {
    world = await new SchedulerWorld().open();
  });
  afterEach(() => world.close());

  const register = (...resolved: readonly ResolvedPipeline[]): Promise<void> =>
    registerPipelines(world.store, { resolved, broken: [] });
  const schedule = () => createScheduleStep(world.store, world.graphs, world.time);
  const manual = (pipeline: ResolvedPipeline): Promise<number> =>
    world.store.write((tx) =>
      createRun(tx, {
        graph: graphOf(pipeline),
        kind: 'manual',
        interval: { startMs, endMs: startMs + HOUR_MS },
        request: { params: {} },
        priority: 0,
        dueAtMs: tx.nowMs,
        requestedBy: 'anna',
      }),
    );

  describe('schedule', () => {
    test('makes each interval once, when it has ended, and says when the next one comes', async () => {
      await register(pipelineOf('work', { schedule: hourly }));
      const step = schedule();
      expect(await step()).toBe(HOUR_MS);
      expect(await world.runs()).toEqual([]);
      world.time.advance(2.5 * HOUR_MS);
      expect(await step()).toBe(HOUR_MS / 2);
      expect(await step()).toBe(HOUR_MS / 2);
      expect((await world.runs()).map((r) => [r.start_ms, r.end_ms, r.due_at_ms, r.kind, r.requested_by])).toEqual([
        [startMs, startMs + HOUR_MS, startMs + HOUR_MS, 'scheduled', 'schedule'],
        [startMs + HOUR_MS, startMs + 2 * HOUR_MS, startMs + 2 * HOUR_MS, 'scheduled', 'schedule'],
      ]);
    });

    test('two schedulers at once make an interval once', async () => {
      await register(pipelineOf('work', { schedule: hourly }));
      const other = createScheduleStep(await world.anotherStore(), world.graphs, world.time);
      const own = schedule();
      world.time.advance(100 * HOUR_MS);
      await Promise.all([own(), other(), own(), other()]);
      expect(await world.runs()).toHaveLength(100);
    });

    test('a long past becomes runs part by part', async () => {
      await register(pipelineOf('work', { schedule: hourly }));
      world.time.advance(450 * HOUR_MS);
      const step = schedule();
      expect([await step(), await step(), await step()]).toEqual([0, 0, HOUR_MS]);
      expect(await world.runs()).toHaveLength(450);
    });

    test('a paused pipeline makes none, and what it missed when it goes on', async () => {
      await register(pipelineOf('work', { schedule: hourly }));
      await world.store.write((tx) => tx.run('update pipelines set paused = 1'));
      world.time.advance(3 * HOUR_MS);
      expect(await schedule()()).toBeUndefined();
      await world.store.write((tx) => tx.run('update pipelines set paused = 0'));
      await schedule()();
      expect(await world.runs()).toHaveLength(3);
    });

    test('a pipeline whose runs cannot be made keeps nobody back, and is told once', async () => {
      const pool = call('a', () => undefined, { pool: 'api' });
      const [bad, good] = [pipelineOf('bad', { schedule: hourly }, pool), pipelineOf('good', { schedule: hourly })];
      await register(bad, good);
      world.time.advance(HOUR_MS);
      const step = schedule();
      expect(await step()).toBe(60_000);
      await step();
      expect((await world.runs()).map((r) => r.pipeline)).toEqual(['good']);
      expect(await world.events('pipeline.broken')).toMatchObject([
        { pipeline: 'bad', error: { code: 'POOL_UNKNOWN' } },
      ]);
      await registerPipelines(world.store, { resolved: [bad, good], broken: [] }, { pools: { api: 2 } });
      await step();
      expect((await world.runs()).map((r) => r.pipeline)).toEqual(['good', 'bad']);
    });
  });

  describe('register', () => {
    test('notes new versions, what does not load, what is gone and what comes back; the same once more is nothing', async () => {
      const one = pipelineOf('one', { schedule: hourly });
      const two = pipelineOf('two');
      const error = new SparkifyError('PIPELINE_INVALID', { pipeline: 'three', detail: 'it has no tasks' });
      const broken = [{ name: 'three', error }];
      await registerPipelines(world.store, { resolved: [one, two], broken });
      await registerPipelines(world.store, { resolved: [one, two], broken });
      expect((await world.events('pipeline.')).map((e) => [e.type, e.pipeline])).toEqual([
        ['pipeline.changed', 'one'],
        ['pipeline.changed', 'two'],
        ['pipeline.broken', 'three'],
      ]);
      await registerPipelines(world.store, { resolved: [pipelineOf('one'), pipelineOf('three')], broken: [] });
      const rows = await world.store.db
        .selectFrom('pipelines')
        .select(['name', 'state', 'error_json'])
        .orderBy('name')
        .execute();
      expect(rows).toEqual([
        { name: 'one', state: 'active', error_json: null },
        { name: 'three', state: 'active', error_json: null },
        { name: 'two', state: 'gone', error_json: null },
      ]);
      expect((await world.events('pipeline.')).slice(3).map((e) => [e.type, e.pipeline])).toEqual([
        ['pipeline.changed', 'one'],
        ['pipeline.changed', 'three'],
        ['pipeline.gone', 'two'],
      ]);
      const versions = await world.store.db
        .selectFrom('pipeline_versions')
        .select('version')
        .where('pipeline', '=', 'one')
        .execute();
      expect(versions).toHaveLength(2);
    });

    test('pools of the configuration stand above those of pipelines', async () => {
      const pipeline = pipelineOf('work', { pools: { api: 2, db: 3 } });
      await registerPipelines(world.store, { resolved: [pipeline], broken: [] }, { pools: { api: 5 } });
      expect(await world.store.db.selectFrom('pools').selectAll().orderBy('name').execute()).toEqual([
        { name: 'api', slots: 5, from_config: 1 },
        { name: 'db', slots: 3, from_config: 1 },
      ]);
    });
  });

  describe('admit', () => {
    test('lets as many scheduled runs begin as the pipeline says, oldest first, and persons’ besides', async () => {
      const pipeline = pipelineOf('work', { schedule: hourly, maxActiveRuns: 2 });
      await register(pipeline);
      world.time.advance(4 * HOUR_MS);
      await schedule()();
      await manual(pipeline);
      await admitStep(world.store, world.graphs);
      const runs = await world.runs();
      expect(runs.filter((r) => r.kind === 'scheduled').map((r) => r.state)).toEqual([
        'running',
        'running',
        'queued',
        'queued',
      ]);
      expect(runs.find((r) => r.kind === 'manual')!.state).toBe('running');
      expect(await admitStep(world.store, world.graphs)).toBeUndefined();
      await world.store.write((tx) => tx.run("update runs set state = 'succeeded' where id = $1", [runs[0]!.id]));
      await admitStep(world.store, world.graphs);
      expect((await world.runs()).filter((r) => r.kind === 'scheduled').map((r) => r.state)).toEqual([
        'succeeded',
        'running',
        'running',
        'queued',
      ]);
    });

    test('a paused pipeline begins no scheduled run, a broken or gone one none', async () => {
      const pipeline = pipelineOf('work', { schedule: hourly });
      await register(pipeline);
      world.time.advance(HOUR_MS);
      await schedule()();
      await world.store.write((tx) => tx.run('update pipelines set paused = 1'));
      await manual(pipeline);
      await admitStep(world.store, world.graphs);
      expect(await world.states()).toEqual(['queued', 'running']);
      await register();
      await world.store.write((tx) => tx.run('update pipelines set paused = 0'));
      await manual(pipeline);
      await admitStep(world.store, world.graphs);
      expect(await world.states()).toEqual(['queued', 'running', 'queued']);
    });

    test('a run that was made before a change begins with the new version, with its tasks', async () => {
      const before = pipelineOf('work', { schedule: hourly });
      await register(before);
      world.time.advance(HOUR_MS);
      await schedule()();
      const after = pipelineOf(
        'work',
        { schedule: hourly, deadline: '2 hours' },
        call('only', () => undefined),
      );
      await register(after);
      await admitStep(world.store, world.graphs);
      const [run] = await world.runs();
      expect(run).toMatchObject({
        state: 'running',
        version: graphOf(after).version,
        unfinished: 1,
        deadline_ms: startMs + 3 * HOUR_MS,
      });
      const tasks = await world.store.db.selectFrom('tasks').select(['task', 'state']).execute();
      expect(tasks).toEqual([{ task: 'only', state: 'ready' }]);
    });

    test('a process for one run lets no other begin', async () => {
      const pipeline = pipelineOf('work');
      await register(pipeline);
      const [, second] = [await manual(pipeline), await manual(pipeline)];
      await admitStep(world.store, world.graphs, second);
      expect(await world.states()).toEqual(['queued', 'running']);
    });
  });

  test('a run that is not over at its deadline is late, once', async () => {
    const pipeline = pipelineOf('work', { schedule: hourly, deadline: '30 minutes' });
    await register(pipeline);
    world.time.advance(HOUR_MS);
    await schedule()();
    expect(await deadlineStep(world.store, world.time)).toBe(HOUR_MS / 2);
    world.time.advance(HOUR_MS / 2);
    expect(await deadlineStep(world.store, world.time)).toBeUndefined();
    expect(await deadlineStep(world.store, world.time)).toBeUndefined();
    expect(await world.events('run.late')).toMatchObject([{ pipeline: 'work', deadlineMs: startMs + 1.5 * HOUR_MS }]);
    await world.store.write((tx) => tx.run("update runs set state = 'succeeded'"));
    expect(await deadlineStep(world.store, world.time)).toBeUndefined();
  });

  describe('recover', () => {
    const claimAs = async (worker: string) =>
      createTaskQueue(world.store, { random: () => 0 }).claim({
        worker,
        queues: ['default'],
        limit: 10,
        warehouse: false,
        leaseMs: 20_000,
      });
    const registration = (identity = ownIdentity()) => ({
      kind: 'worker' as const,
      identity,
      queues: ['default'],
      slots: 1,
    });
    const recover = () =>
      recoverStep({
        store: world.store,
        queue: createTaskQueue(world.store, { random: () => 0 }),
        identity: ownIdentity(),
        clock: world.time,
      });

    test('what a dead process had is free at once, long before its lease runs out', async () => {
      const pipeline = pipelineOf('work');
      await register(pipeline);
      const own = ownIdentity();
      const dead = await registerWorker(world.store, registration(own));
      await manual(pipeline);
      await admitStep(world.store, world.graphs);
      expect(await claimAs(dead.id)).toHaveLength(1);
      // The number is a living process, but not the one that had it.
      const identity = JSON.stringify({ ...own, birth: `${own.birth}0` });
      await world.store.write((tx) => tx.run('update workers set identity_json = $1', [identity]));
      expect(await recover()).toBe(3_000);
      expect(await world.events('worker.lost')).toMatchObject([{ worker: dead.id }]);
      expect(await world.events('task.crashed')).toMatchObject([{ worker: dead.id, crashes: 1 }]);
      world.time.advance(1_000);
      expect(await claimAs('another')).toHaveLength(1);
    });

    test('one of another machine is given up when it has been silent for long', async () => {
      const far = { ...ownIdentity(), host: 'far', place: 'far' };
      await registerWorker(world.store, registration(far));
      world.time.advance(SILENT_MS);
      await recover();
      expect(await world.events('worker.lost')).toEqual([]);
      world.time.advance(1);
      await recover();
      expect(await world.events('worker.lost')).toMatchObject([{ host: 'far' }]);
    });

    test('a second `up` on an embedded store is refused by name, and takes over from a dead one', async () => {
      const up = { ...registration(), kind: 'up' as const };
      const first = await registerWorker(world.store, up);
      await expect(registerWorker(world.store, { ...up, label: '2' })).rejects.toMatchObject({
        code: 'NODE_RUNNING',
        message: expect.stringContaining(`process ${process.pid} on ${up.identity.host}`),
      });
      await registerWorker(world.store, { ...registration(), label: '3' });
      await world.store.write((tx) =>
        tx.run("update workers set identity_json = $1 where kind = 'up'", [
          JSON.stringify({ ...up.identity, birth: 'long ago' }),
        ]),
      );
      const second = await registerWorker(world.store, { ...up, label: '4' });
      expect(await world.events('worker.lost')).toMatchObject([{ worker: first.id }]);
      await second.leave();
      expect(await world.events('worker.stopped')).toMatchObject([{ worker: second.id }]);
    });
  });

  test('a clock that jumps is noticed, and leases are not judged until it has settled', async () => {
    let wall = 0;
    let steady = 0;
    const watch = watchClock({
      store: world.store,
      timers: world.time,
      nowMs: () => wall,
      monotonicMs: () => steady,
      settleMs: 20_000,
    });
    const pass = async (wallMs: number, steadyMs: number) => {
      wall += wallMs;
      steady += steadyMs;
      await watch.look();
      return watch.unsettled;
    };
    expect(await pass(1_000, 1_001)).toBe(false);
    expect(await pass(1_000, 3_600_000 + 1_000)).toBe(true);
    world.time.advance(20_000);
    expect(await pass(1_000, 1_000)).toBe(false);
    expect(await pass(3_601_000, 1_000)).toBe(true);
    world.time.advance(20_000);
    // It stood still together with the clock, as a stopped process does.
    expect(await pass(60_000, 60_000)).toBe(true);
    expect((await world.events('clock.jumped')).map((e) => e.byMs)).toEqual([-3_600_000, 3_600_000]);
  });
});
