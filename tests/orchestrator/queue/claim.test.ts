import { expect, test } from 'vitest';
import { cancelRun } from '../../../src/orchestrator/runs/cancel-run.ts';
import { graphFrom, graphOfTasks, graphTask } from '../graphs.ts';
import { done, openRunWorld, type RunWorld } from '../run-world.ts';
import { eachStore } from '../stores.ts';

const names = (claimed: Awaited<ReturnType<RunWorld['claim']>>): readonly string[] => claimed.map((c) => c.row.task);

eachStore((_engine, open) => {
  test('the most urgent goes first, then what has been ready longest, then the older', async () => {
    const world = await openRunWorld(open);
    await world.start(graphFrom('backfilled', { pipeline: 'a' }), { priority: 20 });
    world.clock.advance(1000);
    await world.start(graphFrom('scheduled', { pipeline: 'b' }), { priority: 10 });
    await world.start(graphFrom('scheduled_later', { pipeline: 'c' }), { priority: 10 });
    await world.start(graphFrom('asked_for', { pipeline: 'd' }), { priority: 0 });
    expect(names(await world.claim({ limit: 2 }))).toEqual(['asked_for', 'scheduled']);
    expect(names(await world.claim())).toEqual(['scheduled_later', 'backfilled']);
    expect(await world.claim()).toEqual([]);
  });

  test('a task adds its own priority to that of the run', async () => {
    const world = await openRunWorld(open);
    const graph = graphOfTasks([
      graphTask('usual'),
      graphTask('urgent', { priority: -5 }),
      graphTask('last', { priority: 1 }),
    ]);
    await world.start(graph);
    expect(names(await world.claim())).toEqual(['urgent', 'usual', 'last']);
  });

  test('a worker gets tasks of its queues only, and nothing before its time or before its run began', async () => {
    const world = await openRunWorld(open);
    const graph = graphOfTasks([
      graphTask('here'),
      graphTask('there', { queue: 'gpu' }),
      graphTask('again', { retries: { max: 1, delayMs: 60_000, factor: 1, maxDelayMs: 60_000, jitter: 0 } }),
    ]);
    await world.create(graphFrom('not_begun', { pipeline: 'queued' }));
    await world.start(graph);
    const [here, again] = await world.claim();
    expect([here!.row.task, again!.row.task]).toEqual(['here', 'again']);
    await world.end(again!, { state: 'failed', error: { code: 'X', message: 'x', remedy: '', retryable: true } });
    expect(await world.claim()).toEqual([]);
    expect(await world.queue.nextReadyMs()).toBe(world.clock.nowMs() + 60_000);
    world.clock.advance(60_000);
    expect(names(await world.claim({ queues: ['gpu', 'default'] }))).toEqual(['there', 'again']);
    expect(await world.queue.nextReadyMs()).toBeUndefined();
  });

  test('a claim is a lease with an attempt under way', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('load'));
    const [claimed] = await world.claim({ worker: 'w7', leaseMs: 20_000 });
    expect(claimed).toMatchObject({ taskId: expect.any(Number), worker: 'w7', attempt: 1 });
    const stored = await world.task(run, 'load');
    expect(stored).toEqual(claimed!.row);
    expect(stored).toMatchObject({ state: 'running', worker: 'w7', lease_until_ms: world.clock.nowMs() + 20_000 });
    expect(await world.store.db.selectFrom('attempts').selectAll().execute()).toMatchObject([
      { task_id: claimed!.taskId, attempt: 1, run_id: run, worker: 'w7', state: 'running' },
    ]);
    expect((await world.events()).at(-1)).toBe('task.started load');
  });

  test('live tasks that never end coming leave every eighth claim to what has waited longest', async () => {
    const world = await openRunWorld(open);
    const live = graphFrom('live');
    await world.start(graphFrom('old_1, old_2', { pipeline: 'backfill' }), { priority: 20 });
    const order: string[] = [];
    for (let i = 0; i < 18; i++) {
      world.clock.advance(1000);
      await world.start(live, { priority: 10, day: i });
      const [claimed] = await world.claim({ limit: 1 });
      order.push(claimed!.row.task);
      await world.end(claimed!, done);
    }
    expect(order.flatMap((task, i) => (task === 'live' ? [] : [i]))).toEqual([7, 15]);
  });

  test('a large claim gives its eighths to the oldest too', async () => {
    const world = await openRunWorld(open);
    await world.start(
      graphOfTasks(
        Array.from({ length: 5 }, (_, i) => graphTask(`old_${i}`)),
        { pipeline: 'backfill' },
      ),
      {
        priority: 20,
      },
    );
    world.clock.advance(1000);
    await world.start(graphOfTasks(Array.from({ length: 50 }, (_, i) => graphTask(`live_${i}`))));
    const claimed = names(await world.claim({ limit: 24 }));
    expect(claimed.filter((name) => name.startsWith('old'))).toEqual(['old_0', 'old_1', 'old_2']);
    expect(claimed).toHaveLength(24);
  });

  test('a pool is never over-booked, and what does not fit keeps those behind it waiting', async () => {
    const world = await openRunWorld(open);
    await world.pool('narrow', 3);
    const run = await world.start(
      graphOfTasks([
        graphTask('one', { pool: 'narrow', poolSlots: 1 }),
        graphTask('wide', { pool: 'narrow', poolSlots: 3 }),
        graphTask('small', { pool: 'narrow', poolSlots: 1 }),
        graphTask('free'),
      ]),
    );
    const [one, free, ...rest] = await world.claim();
    expect([one!.row.task, free!.row.task, rest]).toEqual(['one', 'free', []]);
    expect(await world.claim()).toEqual([]);
    await world.end(one!, done);
    const [wide, ...others] = await world.claim();
    expect([wide!.row.task, others]).toEqual(['wide', []]);
    await world.end(wide!, done);
    expect(names(await world.claim())).toEqual(['small']);
    expect(await world.states(run)).toMatchObject({ one: 'succeeded', wide: 'succeeded', small: 'running' });
  });

  test('a pool that was made smaller than a task keeps only that task waiting', async () => {
    const world = await openRunWorld(open);
    await world.pool('shrinking', 2);
    await world.start(
      graphOfTasks([graphTask('wide', { pool: 'shrinking', poolSlots: 2 }), graphTask('small', { pool: 'shrinking' })]),
    );
    await world.write((tx) => tx.run("update pools set slots = 1 where name = 'shrinking'"));
    expect(names(await world.claim())).toEqual(['small']);
  });

  test('tasks on the warehouse go to one worker per run, and to one run per pipeline', async () => {
    const world = await openRunWorld(open);
    const data = (pipeline: string) =>
      graphOfTasks([graphTask('stage', { data: true }), graphTask('load', { data: true, after: ['stage'] })], {
        pipeline,
      });
    const sparkify = data('sparkify');
    const first = await world.start(sparkify, { priority: 10, day: 0 });
    const second = await world.start(sparkify, { priority: 0, day: 1 });
    const other = await world.start(data('other'));
    expect(await world.claim({ warehouse: false })).toEqual([]);
    const claimed = await world.claim({ worker: 'w1' });
    expect(claimed.map((c) => c.row.run_id)).toEqual([second, other]);
    expect((await world.run(second)).holder).toBe('w1');
    expect((await world.run(second)).holder_until_ms).toBe(world.clock.nowMs() + 30_000);
    expect(await world.claim({ worker: 'w2' })).toEqual([]);
    await world.end(claimed[0]!, done);
    expect(await world.claim({ worker: 'w2' })).toEqual([]);
    const [load] = await world.claim({ worker: 'w1' });
    expect(load!.row).toMatchObject({ run_id: second, task: 'load' });
    await world.end(load!, done);
    expect(await world.run(second)).toMatchObject({ state: 'succeeded', holder: null, holder_until_ms: null });
    expect((await world.claim({ worker: 'w2' })).map((c) => c.row.run_id)).toEqual([first]);
    expect((await world.run(first)).holder).toBe('w2');
  });

  test('the warehouse is no excuse to starve a backfill: every eighth hold goes to the run that has waited longest', async () => {
    const world = await openRunWorld(open);
    const graph = graphOfTasks([graphTask('load', { data: true })]);
    const old = await world.start(graph, { priority: 20 });
    const runs: number[] = [];
    for (let i = 1; i <= 8; i++) {
      world.clock.advance(1000);
      await world.start(graph, { priority: 10, day: i });
      const [claimed] = await world.claim({ limit: 1 });
      runs.push(claimed!.row.run_id);
      await world.end(claimed!, done);
    }
    expect(runs.indexOf(old)).toBe(7);
  });

  test('a run that is let go may be held by another worker at once, and nothing of it is counted as an attempt', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphOfTasks([graphTask('load', { data: true })]));
    const [claimed] = await world.claim({ worker: 'w1' });
    await world.queue.releaseRun('w2', run);
    expect((await world.run(run)).holder).toBe('w1');
    await world.queue.releaseRun('w1', run);
    expect(await world.end(claimed!, done)).toBe(false);
    expect(await world.store.db.selectFrom('attempts').selectAll().execute()).toEqual([]);
    const [again] = await world.claim({ worker: 'w2' });
    expect(again!.attempt).toBe(2);
    expect(await world.queue.renewHolds('w1', [run], 30_000)).toEqual([run]);
    world.clock.advance(10_000);
    expect(await world.queue.renewHolds('w2', [run], 30_000)).toEqual([]);
    expect((await world.run(run)).holder_until_ms).toBe(world.clock.nowMs() + 30_000);
  });

  test('renewing lengthens leases and holds, and tells what is lost and what shall be interrupted', async () => {
    const world = await openRunWorld(open);
    const kept = await world.start(graphOfTasks([graphTask('load', { data: true })]));
    const cancelled = await world.start(graphFrom('work', { pipeline: 'other' }));
    const claims = await world.claim();
    await world.write((tx) => cancelRun(tx, world.graphs, cancelled, { by: 'me' }));
    world.clock.advance(10_000);
    const stale = { ...claims[0]!, attempt: 0 };
    const told = await world.queue.renew([...claims, stale], 30_000);
    expect(told.lost).toEqual([stale]);
    expect(told.cancelled.map((c) => c.taskId)).toEqual([(await world.task(cancelled, 'work')).id]);
    expect((await world.task(kept, 'load')).lease_until_ms).toBe(world.clock.nowMs() + 30_000);
    expect((await world.run(kept)).holder_until_ms).toBe(world.clock.nowMs() + 30_000);
  });
});
