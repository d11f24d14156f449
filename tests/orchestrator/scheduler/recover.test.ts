import { call, every } from 'sparkify';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { deadlineStep } from '../../../src/orchestrator/scheduler/deadline-step.ts';
import { recoverStep } from '../../../src/orchestrator/scheduler/recover-step.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import { ownIdentity } from '../../../src/orchestrator/worker/process-identity.ts';
import { registerWorker, SILENT_MS } from '../../../src/orchestrator/worker/registry.ts';
import { useQuickDirectory } from '../../property/quick-directory.ts';
import { eachStore } from '../stores.ts';
import { HOUR_MS, openSchedulerWorld, pipelineOf, type SchedulerWorld, startMs } from './scheduler-world.ts';

beforeAll(useQuickDirectory);

const hourly = every('1 hour', { start: startMs });

eachStore((engine, open) => {
  let world: SchedulerWorld;
  beforeEach(async () => {
    world = await openSchedulerWorld(open);
  });

  describe('a run that is not over at its deadline', () => {
    test('is late, once, whether it runs or still waits to begin; whoever looks', async () => {
      await world.register(pipelineOf('work', { schedule: hourly, deadline: '30 minutes', maxActiveRuns: 1 }));
      world.time.advance(HOUR_MS);
      await world.schedule();
      await world.admit();
      expect(await deadlineStep(world.store, world.time)).toBe(HOUR_MS / 2);
      world.time.advance(HOUR_MS);
      await world.schedule();
      expect(await world.states()).toEqual(['running', 'queued']);
      const other = await world.another();
      const both = (): Promise<unknown> =>
        Promise.all([deadlineStep(world.store, world.time), deadlineStep(other, world.time)]);
      await both();
      expect(await deadlineStep(world.store, world.time)).toBe(HOUR_MS / 2);
      world.time.advance(HOUR_MS / 2);
      await both();
      expect(await deadlineStep(world.store, world.time)).toBeUndefined();
      expect((await world.events('run.late')).map((e) => e.deadlineMs)).toEqual([
        startMs + 1.5 * HOUR_MS,
        startMs + 2.5 * HOUR_MS,
      ]);
    });

    test('one that has ended in time is not', async () => {
      await world.register(pipelineOf('work', { schedule: hourly, deadline: '30 minutes' }));
      world.time.advance(HOUR_MS);
      await world.schedule();
      await world.admit();
      await world.work();
      world.time.advance(HOUR_MS);
      expect(await deadlineStep(world.store, world.time)).toBeUndefined();
      expect(await world.events('run.late')).toEqual([]);
    });
  });

  describe('recovery', () => {
    const registration = (identity = ownIdentity()) => ({
      kind: 'worker' as const,
      identity,
      queues: ['default'],
      slots: 1,
    });
    const recover = (store: Store = world.store) =>
      recoverStep({ store, queue: world.queue, identity: ownIdentity(), clock: world.time });
    const far = { ...ownIdentity(), host: 'far', place: 'far' };

    test('what a dead process had is free at once, long before its lease runs out', async () => {
      const pipeline = pipelineOf('work');
      await world.register(pipeline);
      const own = ownIdentity();
      const dead = await registerWorker(world.store, registration(own));
      await world.manual(pipeline);
      await world.admit();
      expect(await world.claim(dead.id)).toHaveLength(1);
      // The number is a living process, but not the one that had it.
      const identity = JSON.stringify({ ...own, birth: `${own.birth}0` });
      await world.store.write((tx) => tx.run('update workers set identity_json = $1', [identity]));
      expect(await recover()).toBe(3_000);
      expect(await world.events('worker.lost')).toMatchObject([{ worker: dead.id }]);
      expect(await world.events('task.crashed')).toMatchObject([{ worker: dead.id, crashes: 1 }]);
      world.time.advance(1_000);
      expect(await world.claim('another')).toHaveLength(1);
    });

    test('a lease that ran out is another’s, also when nobody knows who had it', async () => {
      const pipeline = pipelineOf(
        'work',
        {},
        call('a', () => undefined),
      );
      await world.register(pipeline);
      await world.manual(pipeline);
      await world.admit();
      await world.claim('nobody', 5_000);
      world.time.advance(4_999);
      await recover();
      expect(await world.events('task.crashed')).toEqual([]);
      world.time.advance(1);
      await Promise.all([recover(), recover(await world.another())]);
      expect(await world.events('task.crashed')).toHaveLength(1);
    });

    test('a worker of another machine is lost when it has been silent for long, once', async () => {
      await registerWorker(world.store, registration(far));
      const other = await world.another();
      world.time.advance(SILENT_MS);
      await recover();
      expect(await world.events('worker.lost')).toEqual([]);
      world.time.advance(1);
      await Promise.all([recover(), recover(other), recover()]);
      await recover(other);
      expect(await world.events('worker.lost')).toMatchObject([{ host: 'far' }]);
      expect(await world.store.db.selectFrom('workers').selectAll().execute()).toEqual([]);
    });

    (engine === 'sqlite' ? test : undefined)?.(
      'a second `up` on an embedded store is refused by name, and takes over from a dead one',
      async () => {
        const up = { ...registration(), kind: 'up' as const };
        const first = await registerWorker(world.store, up);
        await expect(registerWorker(world.store, { ...up, label: '2' })).rejects.toMatchObject({
          code: 'NODE_RUNNING',
          message: expect.stringContaining(`process ${process.pid} on ${up.identity.host}`),
        });
        await registerWorker(world.store, { ...registration(), label: '3' });
        await world.store.write((tx) =>
          tx.run("update workers set identity_json = $1 where kind = 'up'", [
            JSON.stringify({ ...up.identity, birth: 'before' }),
          ]),
        );
        const second = await registerWorker(world.store, { ...up, label: '4' });
        expect(await world.events('worker.lost')).toMatchObject([{ worker: first.id }]);
        await second.leave();
        expect(await world.events('worker.stopped')).toMatchObject([{ worker: second.id }]);
      },
    );
  });
});
