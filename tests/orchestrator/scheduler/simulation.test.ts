import { call, every } from 'sparkify';
import { beforeAll, expect, test } from 'vitest';
import { admitStep } from '../../../src/orchestrator/scheduler/admit-step.ts';
import { deadlineStep } from '../../../src/orchestrator/scheduler/deadline-step.ts';
import { recoverStep } from '../../../src/orchestrator/scheduler/recover-step.ts';
import { type RunningSteps, runSteps, type Step } from '../../../src/orchestrator/scheduler/run-steps.ts';
import { createScheduleStep } from '../../../src/orchestrator/scheduler/schedule-step.ts';
import { watchClock } from '../../../src/orchestrator/scheduler/watch-clock.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import { ownIdentity } from '../../../src/orchestrator/worker/process-identity.ts';
import { useQuickDirectory } from '../../property/quick-directory.ts';
import { eachStore } from '../stores.ts';
import { DAY_MS, HOUR_MS, openSchedulerWorld, pipelineOf, type SchedulerWorld, startMs } from './scheduler-world.ts';

beforeAll(useQuickDirectory);

const hourly = every('1 hour', { start: startMs });

/** A scheduler with a worker that carries out everything at once. */
function startScheduler(world: SchedulerWorld, store: Store, notes: string[]): RunningSteps {
  const { time, graphs, queue } = world;
  const watch = watchClock({
    store,
    timers: time,
    nowMs: () => time.nowMs(),
    monotonicMs: () => time.nowMs(),
    settleMs: 20_000,
  });
  const steps: readonly Step[] = [
    { name: 'schedule', onChange: true, run: createScheduleStep(store, graphs, time) },
    { name: 'admit', onChange: true, run: () => admitStep(store, graphs) },
    { name: 'deadlines', onChange: true, run: () => deadlineStep(store, time) },
    { name: 'clock', onChange: false, run: () => watch.look() },
    {
      name: 'recover',
      onChange: false,
      run: () => recoverStep({ store, queue, identity: ownIdentity(), clock: time, clockWatch: watch }),
    },
    { name: 'work', onChange: true, run: async () => void (await world.work()) },
  ];
  return runSteps(steps, { store, timers: time, note: (detail) => notes.push(detail) });
}

eachStore((engine, open) => {
  test('an interval becomes a run, begins and ends at the very moment it is due', async () => {
    const world = await openSchedulerWorld(open);
    const notes: string[] = [];
    await world.register(pipelineOf('work', { schedule: hourly }));
    const running = startScheduler(world, world.store, notes);
    await running.idle();
    for (const hour of [1, 2, 3]) {
      world.time.advance(hour * HOUR_MS + startMs - 1 - world.time.nowMs());
      await running.idle();
      expect(await world.runs()).toHaveLength(hour - 1);
      world.time.advance(1);
      const dueMs = startMs + hour * HOUR_MS;
      // On a server the word of a change takes its way; time stands still meanwhile.
      for (let run = (await world.runs())[hour - 1]; run?.state !== 'succeeded'; ) {
        await running.idle();
        await new Promise((resolve) => setImmediate(resolve));
        run = (await world.runs())[hour - 1];
      }
      expect((await world.runs())[hour - 1]).toMatchObject({
        created_at_ms: dueMs,
        started_at_ms: dueMs,
        finished_at_ms: dueMs,
      });
    }
    await running.stop();
    expect(notes).toEqual([]);
  });

  /** Whoever reads a year of runs each time it asks, has no time left for three. */
  const counted = async (world: SchedulerWorld): Promise<readonly number[]> => {
    const [row] = await world.store.write((tx) =>
      tx.all<{ made: number; ended: number }>(
        `select (select count(*) from events where type = 'run.created') as made,
           (select count(*) from events where type = 'run.succeeded') as ended`,
      ),
    );
    return [Number(row!.made), Number(row!.ended)];
  };

  /** Leaps of up to two days; before every tenth of them all schedulers are stopped. */
  const simulate = async (world: SchedulerWorld, schedulers: number, days: number): Promise<void> => {
    const notes: string[] = [];
    const stores = [world.store];
    while (stores.length < schedulers) stores.push(await world.another());
    const startAll = (): readonly RunningSteps[] => stores.map((store) => startScheduler(world, store, notes));
    let running = startAll();
    const all = (what: (steps: RunningSteps) => Promise<void>): Promise<unknown> => Promise.all(running.map(what));
    let hours = 0;
    for (let leap = 0; hours < days * 24; leap++) {
      const down = leap % 10 === 9;
      if (down) await all((r) => r.stop());
      const ahead = Math.min(1 + ((leap * 37) % 48), days * 24 - hours);
      world.time.advance(ahead * HOUR_MS);
      hours += ahead;
      if (down) running = startAll();
      await all((r) => r.idle());
    }
    // What one does, the others are told a little later.
    while ((await counted(world))[1]! < hours) await all((r) => r.idle());
    await all((r) => r.stop());
    expect(notes).toEqual([]);
    expect(await counted(world)).toEqual([hours, hours]);
    const rows = await world.store.db.selectFrom('runs').select(['end_ms', 'state']).orderBy('id').execute();
    expect(rows).toEqual(
      Array.from({ length: days * 24 }, (_, n) => ({ end_ms: startMs + (n + 1) * HOUR_MS, state: 'succeeded' })),
    );
    expect((await world.pipeline('work')).scheduled_to_ms).toBe(startMs + days * DAY_MS);
  };
  const openHourly = async (): Promise<SchedulerWorld> => {
    const world = await openSchedulerWorld(open);
    await world.register(
      pipelineOf(
        'work',
        { schedule: hourly, maxActiveRuns: 200 },
        call('a', () => undefined),
      ),
    );
    return world;
  };

  (engine === 'sqlite' ? test : undefined)?.(
    'three years of an hourly schedule, with times without a scheduler: each interval once, in order',
    async () => simulate(await openHourly(), 1, 3 * 365),
    120_000,
  );

  test(
    'two schedulers and two workers: each interval once, in order',
    async () => simulate(await openHourly(), 2, 21),
    60_000,
  );
});
