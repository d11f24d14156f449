import { call, every } from 'sparkify';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { admitStep } from '../../../src/orchestrator/scheduler/admit-step.ts';
import { graphOf } from '../../../src/pipeline/graph-of.ts';
import { useQuickDirectory } from '../../property/quick-directory.ts';
import { eachStore } from '../stores.ts';
import { HOUR_MS, openSchedulerWorld, pipelineOf, type SchedulerWorld, startMs } from './scheduler-world.ts';

beforeAll(useQuickDirectory);

const hourly = every('1 hour', { start: startMs });
const simple = call('a', () => undefined);

eachStore((_engine, open) => {
  let world: SchedulerWorld;
  beforeEach(async () => {
    world = await openSchedulerWorld(open);
  });

  const backfill = async (pipeline: ReturnType<typeof pipelineOf>, maxActive: number): Promise<number> => {
    const { version } = graphOf(pipeline);
    return world.store.write(async (tx) => {
      const [row] = await tx.all<{ id: number }>(
        `insert into backfills (pipeline, version, start_ms, end_ms, scope, newest_first, max_active, priority, state,
           request_json, created_at_ms, requested_by)
         values ($1, $2, 0, 1, 'all', 0, $3, 20, 'running', '{}', $4, 'anna') returning id`,
        [pipeline.name, version, maxActive, tx.nowMs],
      );
      return Number(row!.id);
    });
  };
  const backfillRun = (pipeline: ReturnType<typeof pipelineOf>, backfillId: number, hour: number): Promise<number> =>
    world.manual(pipeline, {
      kind: 'backfill',
      backfillId,
      priority: 20,
      interval: { startMs: startMs - hour * HOUR_MS, endMs: startMs - (hour - 1) * HOUR_MS },
    });

  test('as many scheduled runs begin as the pipeline says, oldest first, and persons’ besides', async () => {
    const pipeline = pipelineOf('work', { schedule: hourly, maxActiveRuns: 2 });
    await world.register(pipeline);
    world.time.advance(4 * HOUR_MS);
    await world.schedule();
    await world.manual(pipeline);
    expect(await world.admit()).toBeUndefined();
    expect(await world.states('scheduled')).toEqual(['running', 'running', 'queued', 'queued']);
    expect(await world.states('manual')).toEqual(['running']);
    expect((await world.events('run.started')).map((e) => e.runId)).toEqual(
      [...(await world.runs('manual')), ...(await world.runs('scheduled')).slice(0, 2)].map((r) => r.id).sort(),
    );
    await world.admit();
    expect(await world.states('scheduled')).toEqual(['running', 'running', 'queued', 'queued']);
    await world.work();
    await world.admit();
    expect(await world.states('scheduled')).toEqual(['succeeded', 'succeeded', 'running', 'running']);
  });

  test('a backfill has places of its own, which neither the schedule nor a second one takes', async () => {
    const pipeline = pipelineOf('work', { schedule: hourly, maxActiveRuns: 1 }, simple);
    await world.register(pipeline);
    const [one, two] = [await backfill(pipeline, 2), await backfill(pipeline, 1)];
    for (const hour of [1, 2, 3]) await backfillRun(pipeline, one, hour);
    for (const hour of [4, 5]) await backfillRun(pipeline, two, hour);
    world.time.advance(20 * HOUR_MS);
    await world.schedule();
    await world.admit();
    const running = async (): Promise<readonly string[]> =>
      (await world.runs()).filter((r) => r.state === 'running').map((r) => `${r.kind} ${r.backfill_id ?? ''}`.trim());
    const places = [`backfill ${one}`, `backfill ${one}`, `backfill ${two}`, 'scheduled'];
    expect([...(await running())].sort()).toEqual(places);
    await world.admit();
    expect([...(await running())].sort()).toEqual(places);
    await world.work();
    await world.admit();
    expect([...(await running())].sort()).toEqual([`backfill ${one}`, `backfill ${two}`, 'scheduled']);
    await world.store.write((tx) => tx.run("update backfills set state = 'paused'"));
    await backfillRun(pipeline, one, 9);
    await world.work();
    await world.admit();
    expect(await running()).toEqual(['scheduled']);
  });

  test('a paused pipeline begins no scheduled run, a broken or gone one none, and others are not kept back', async () => {
    const pipeline = pipelineOf('work', { schedule: hourly });
    const other = pipelineOf('other', { schedule: hourly });
    await world.register(pipeline, other);
    world.time.advance(HOUR_MS);
    await world.schedule();
    await world.store.write((tx) => tx.run("update pipelines set paused = 1 where name = 'work'"));
    await world.manual(pipeline);
    await world.admit();
    const states = async (): Promise<readonly string[]> =>
      (await world.runs()).map((r) => `${r.pipeline} ${r.kind} ${r.state}`).sort();
    expect(await states()).toEqual(['other scheduled running', 'work manual running', 'work scheduled queued']);
    await world.register(other);
    await world.pause(false);
    await world.manual(pipeline);
    await world.admit();
    expect(await states()).toEqual([
      'other scheduled running',
      'work manual queued',
      'work manual running',
      'work scheduled queued',
    ]);
  });

  test('two schedulers at once let no more begin than there are places', async () => {
    await world.register(pipelineOf('work', { schedule: hourly, maxActiveRuns: 3 }, simple));
    world.time.advance(30 * HOUR_MS);
    await world.schedule();
    const other = await world.another();
    for (const succeeded of [0, 3, 6]) {
      await Promise.all([world.admit(), world.admit(other), world.admit(), world.admit(other)]);
      const states = await world.states();
      expect(states.filter((s) => s === 'running')).toHaveLength(3);
      expect(states.filter((s) => s === 'succeeded')).toHaveLength(succeeded);
      await world.work();
    }
    expect(await world.events('run.started')).toHaveLength(9);
  });

  test('many begin in several transactions, those of persons first', async () => {
    const pipeline = pipelineOf('work', { schedule: hourly, maxActiveRuns: 200 }, simple);
    await world.register(pipeline);
    world.time.advance(130 * HOUR_MS);
    await world.schedule();
    const backfillId = await backfill(pipeline, 5);
    await backfillRun(pipeline, backfillId, 1);
    await world.manual(pipeline);
    expect(await world.admit()).toBe(0);
    expect(await world.states('manual')).toEqual(['running']);
    expect(await world.states('backfill')).toEqual(['queued']);
    expect((await world.states('scheduled')).lastIndexOf('running')).toBe(98);
    expect(await world.admit()).toBeUndefined();
    expect(new Set(await world.states())).toEqual(new Set(['running']));
  });

  test('a run that was made before a change begins with the new version, with its tasks', async () => {
    await world.register(pipelineOf('work', { schedule: hourly }));
    world.time.advance(HOUR_MS);
    await world.schedule();
    const after = pipelineOf(
      'work',
      { schedule: hourly, deadline: '2 hours' },
      call('only', () => undefined),
    );
    await world.register(after);
    await world.admit();
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

  test('one that the new version does not fit begins as it was made, and keeps no other from the new one', async () => {
    const before = pipelineOf('work');
    await world.register(before);
    await world.manual(before, { request: { params: {}, only: ['b'] } });
    await world.manual(before);
    const after = pipelineOf('work', {}, simple);
    await world.register(after);
    await world.admit();
    expect((await world.runs()).map((r) => [r.state, r.version])).toEqual([
      ['running', graphOf(before).version],
      ['running', graphOf(after).version],
    ]);
  });

  test('a process for one run lets no other begin', async () => {
    const pipeline = pipelineOf('work');
    await world.register(pipeline);
    const [, second] = [await world.manual(pipeline), await world.manual(pipeline)];
    await admitStep(world.store, world.graphs, second);
    expect(await world.states()).toEqual(['queued', 'running']);
  });
});
