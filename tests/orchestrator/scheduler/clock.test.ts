import { call } from 'sparkify';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { recoverStep } from '../../../src/orchestrator/scheduler/recover-step.ts';
import { type ClockWatch, watchClock } from '../../../src/orchestrator/scheduler/watch-clock.ts';
import { ownIdentity } from '../../../src/orchestrator/worker/process-identity.ts';
import { registerWorker } from '../../../src/orchestrator/worker/registry.ts';
import { useQuickDirectory } from '../../property/quick-directory.ts';
import { eachStore } from '../stores.ts';
import { HOUR_MS, openSchedulerWorld, pipelineOf, type SchedulerWorld } from './scheduler-world.ts';

beforeAll(useQuickDirectory);

const LEASE_MS = 20_000;

eachStore((_engine, open) => {
  let world: SchedulerWorld;
  /** Goes only forward; timers go by it. */
  let steady = 0;
  let timers: { readonly atMs: number; readonly work: () => void }[] = [];
  beforeEach(async () => {
    world = await openSchedulerWorld(open);
    steady = 0;
    timers = [];
  });

  const watchOf = (store = world.store): ClockWatch =>
    watchClock({
      store,
      timers: {
        later: (delayMs, work) => {
          const timer = { atMs: steady + delayMs, work };
          timers.push(timer);
          return () => {
            timers = timers.filter((t) => t !== timer);
          };
        },
      },
      nowMs: () => world.time.nowMs(),
      monotonicMs: () => steady,
      settleMs: LEASE_MS,
    });
  /** So much time goes by, and the clock is set by so much besides. */
  const pass = (elapsedMs: number, setByMs = 0): void => {
    steady += elapsedMs;
    world.time.advance(elapsedMs + setByMs);
    for (const timer of timers.filter((t) => t.atMs <= steady)) timer.work();
    timers = timers.filter((t) => t.atMs > steady);
  };
  const jumps = async (): Promise<readonly unknown[]> => (await world.events('clock.jumped')).map((e) => e.byMs);
  const recover = (clockWatch: ClockWatch): Promise<number> =>
    recoverStep({ store: world.store, queue: world.queue, identity: ownIdentity(), clock: world.time, clockWatch });

  test('a jump is told, and leases are not judged until those who live have renewed theirs', async () => {
    const watch = watchOf();
    await watch.look();
    pass(1_000, 4_000);
    expect(await watch.look()).toBe(1_000);
    expect([watch.unsettled, await jumps()]).toEqual([false, []]);
    pass(1_000, -HOUR_MS);
    await watch.look();
    expect([watch.unsettled, await jumps()]).toEqual([true, [-HOUR_MS]]);
    pass(LEASE_MS / 2);
    expect(watch.unsettled).toBe(true);
    pass(LEASE_MS / 2);
    expect(watch.unsettled).toBe(false);
    await watch.look();
    pass(1_000, HOUR_MS);
    await watch.look();
    expect(await jumps()).toEqual([-HOUR_MS, HOUR_MS]);
  });

  test('a process that stood still is no jump, but judges nobody at once', async () => {
    const watch = watchOf();
    await watch.look();
    pass(60_000);
    await watch.look();
    expect([watch.unsettled, await jumps()]).toEqual([true, []]);
  });

  test('two that notice the same jump tell of it once', async () => {
    const watches = [watchOf(), watchOf(await world.another())];
    for (const byMs of [HOUR_MS, -HOUR_MS, -6_000]) {
      await Promise.all(watches.map((w) => w.look()));
      pass(1_000, byMs);
      await Promise.all(watches.map((w) => w.look()));
      expect(watches.map((w) => w.unsettled)).toEqual([true, true]);
    }
    expect(await jumps()).toEqual([HOUR_MS, -HOUR_MS, -6_000]);
  });

  test('its clock is that of the store, whatever this process’s says', async () => {
    const watch = watchOf();
    await watch.look();
    const atMs = world.time.nowMs();
    steady += 700;
    expect(watch.storeClock.nowMs()).toBe(atMs + 700);
  });

  test('a jump ahead takes nothing from a worker that lives; a dead one is found out when it has settled', async () => {
    const pipeline = pipelineOf(
      'work',
      {},
      call('a', () => undefined),
    );
    await world.register(pipeline);
    await world.manual(pipeline);
    await world.manual(pipeline);
    await world.admit();
    await registerWorker(world.store, {
      kind: 'worker',
      identity: { ...ownIdentity(), host: 'far', place: 'far' },
      queues: ['default'],
      slots: 1,
    });
    const [living] = await world.queue.claim({
      worker: 'living',
      queues: ['default'],
      limit: 1,
      warehouse: false,
      leaseMs: LEASE_MS,
    });
    await world.claim('dead', LEASE_MS);
    const watch = watchOf();
    await watch.look();
    pass(100, HOUR_MS);
    expect(await recover(watch)).toBe(1_000);
    expect(await world.events('task.crashed')).toEqual([]);
    expect(await world.events('worker.lost')).toEqual([]);
    for (let n = 0; n < 5; n++) {
      pass(LEASE_MS / 4);
      expect(await world.queue.renew([living!], LEASE_MS)).toEqual({ lost: [], cancelled: [] });
      await world.store.write((tx) => tx.run('update workers set heartbeat_at_ms = $1', [tx.nowMs]));
      await recover(watch);
    }
    expect(await world.events('task.crashed')).toMatchObject([{ worker: 'dead' }]);
    expect(await world.events('worker.lost')).toEqual([]);
  });

  test('a jump back keeps neither ready tasks nor retries waiting, and the dead are found out as soon', async () => {
    const pipeline = pipelineOf(
      'work',
      {},
      call('a', () => undefined, { retries: { max: 3, delay: '10 minutes', jitter: 0 } }),
    );
    await world.register(pipeline);
    for (let n = 0; n < 3; n++) await world.manual(pipeline);
    await world.admit();
    const one = { queues: ['default'], limit: 1, warehouse: false, leaseMs: LEASE_MS };
    await world.queue.claim({ worker: 'dead', ...one });
    const [failing] = await world.queue.claim({ worker: 'w', ...one });
    const error = { code: 'FUNCTION_FAILED', message: 'no', remedy: '', retryable: true };
    await world.queue.complete([{ state: 'failed', claim: failing!, error }]);
    const watch = watchOf();
    await watch.look();
    pass(1_000, -HOUR_MS);
    expect(await world.claim('w')).toHaveLength(0);
    await watch.look();
    expect(await world.claim('w')).toHaveLength(1);
    expect(await world.queue.nextReadyMs()).toBe(world.time.nowMs() + 599_000);
    for (let n = 0; n < 22; n++) {
      pass(1_000);
      await watch.look();
    }
    await recover(watch);
    expect(await world.events('task.crashed')).toMatchObject([{ worker: 'dead' }, { worker: 'w' }]);
  });
});
