import { expect, test } from 'vitest';
import { cancelRun } from '../../../src/orchestrator/runs/cancel-run.ts';
import { graphFrom, graphOfTasks, graphTask } from '../graphs.ts';
import { done, failing, openRunWorld } from '../run-world.ts';
import { eachStore } from '../stores.ts';

eachStore((_engine, open) => {
  test('a lease that runs out gives the task to another; the first one comes too late', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('load'));
    const [lost] = await world.claim({ worker: 'w1' });
    world.clock.advance(29_999);
    expect(await world.queue.expire()).toBe(0);
    world.clock.advance(1);
    expect(await world.queue.expire()).toBe(1);
    const task = await world.task(run, 'load');
    expect(task).toMatchObject({ state: 'ready', crashes: 1, failures: 0, detail: 'its worker w1 died' });
    expect(task.ready_at_ms - world.clock.nowMs()).toBe(1000);
    world.clock.advance(1000);
    const [second] = await world.claim({ worker: 'w2' });
    expect(await world.end(lost!, done)).toBe(false);
    expect(await world.end(second!, done)).toBe(true);
    expect(
      await world.store.db.selectFrom('attempts').select(['attempt', 'worker', 'state']).orderBy('attempt').execute(),
    ).toEqual([
      { attempt: 1, worker: 'w1', state: 'crashed' },
      { attempt: 2, worker: 'w2', state: 'succeeded' },
    ]);
    expect(await world.events()).toContain('task.crashed load');
  });

  test('a late completion still counts while nobody has taken the task back', async () => {
    const world = await openRunWorld(open);
    await world.start(graphFrom('load'));
    const [claimed] = await world.claim();
    world.clock.advance(60_000);
    expect(await world.end(claimed!, done)).toBe(true);
  });

  test('a task that kills its worker three times is set aside; its own retries are another matter', async () => {
    const world = await openRunWorld(open);
    const retries = { max: 1, delayMs: 1000, factor: 1, maxDelayMs: 1000, jitter: 0 };
    const run = await world.start(
      graphOfTasks([graphTask('load', { retries }), graphTask('next', { after: ['load'] })]),
    );
    const [first] = await world.claim();
    await world.end(first!, failing(true));
    const delays: number[] = [];
    for (let i = 0; i < 3; i++) {
      world.clock.advance(((await world.queue.nextReadyMs()) ?? 0) - world.clock.nowMs());
      expect(await world.claim()).toHaveLength(1);
      world.clock.advance(30_000);
      await world.queue.expire();
      delays.push(((await world.queue.nextReadyMs()) ?? world.clock.nowMs()) - world.clock.nowMs());
    }
    expect(delays).toEqual([1000, 2000, 0]);
    const task = await world.task(run, 'load');
    expect(task).toMatchObject({ state: 'failed', crashes: 3, failures: 1 });
    expect(JSON.parse(task.error_json!)).toMatchObject({ code: 'TASK_SET_ASIDE', retryable: false });
    expect(task.detail).toBe('Task load was set aside: its worker died 3 times while it ran.');
    expect(await world.run(run)).toMatchObject({ state: 'failed' });
  });

  test('a holder whose hold runs out loses the run and all it had under way there', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(
      graphOfTasks([
        graphTask('stage', { data: true }),
        graphTask('call'),
        graphTask('load', { data: true, after: ['stage'] }),
      ]),
    );
    const claimed = await world.claim({ worker: 'w1' });
    expect(claimed).toHaveLength(2);
    // Its tasks are renewed, its hold is not: as after a clock that jumped between the two.
    world.clock.advance(20_000);
    await world.write((tx) => tx.run('update runs set holder_until_ms = $1', [world.clock.nowMs()]));
    expect(await world.queue.expire()).toBe(1);
    expect(await world.states(run)).toEqual({ stage: 'ready', call: 'running', load: 'waiting' });
    expect((await world.run(run)).holder).toBeNull();
    world.clock.advance(1000);
    expect((await world.claim({ worker: 'w2' })).map((c) => c.row.task)).toEqual(['stage']);
    expect((await world.run(run)).holder).toBe('w2');
  });

  test('a clock that jumps forward costs living workers their leases, once', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('load'));
    const [claimed] = await world.claim();
    world.clock.advance(86_400_000);
    await world.queue.expire();
    const { lost } = await world.queue.renew([claimed!], 30_000);
    expect(lost).toHaveLength(1);
    world.clock.advance(1000);
    await world.work();
    expect((await world.run(run)).state).toBe('succeeded');
  });

  test('what was under way in a run that is being cancelled ends with its worker', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('load, next after load'));
    await world.claim();
    await world.write((tx) => cancelRun(tx, world.graphs, run, { by: 'me' }));
    world.clock.advance(30_000);
    await world.queue.expire();
    expect(await world.states(run)).toEqual({ load: 'cancelled', next: 'cancelled' });
    expect(await world.run(run)).toMatchObject({ state: 'cancelled', holder: null });
  });
});
