import { expect, test } from 'vitest';
import { cancelRun } from '../../../src/orchestrator/runs/cancel-run.ts';
import { graphFrom, graphOfTasks, graphTask } from '../graphs.ts';
import { done, failing, openRunWorld } from '../run-world.ts';
import { eachStore } from '../stores.ts';

eachStore((_engine, open) => {
  const by = { by: 'ada' };

  test('a run that has not begun is cancelled at once', async () => {
    const world = await openRunWorld(open);
    const run = await world.create(graphFrom('a, b after a'));
    expect(await world.write((tx) => cancelRun(tx, world.graphs, run, by))).toBe('cancelled');
    expect(await world.run(run)).toMatchObject({
      state: 'cancelled',
      unfinished: 0,
      finished_at_ms: world.clock.nowMs(),
    });
    expect(await world.states(run)).toEqual({ a: 'cancelled', b: 'cancelled' });
    expect(await world.events()).toEqual(['run.created', 'task.cancelled a', 'task.cancelled b', 'run.cancelled']);
    expect(await world.store.db.selectFrom('cells').selectAll().execute()).toEqual([]);
  });

  test('what is under way ends first; what has not begun never does; nothing is tried again', async () => {
    const world = await openRunWorld(open);
    const retries = { max: 9, delayMs: 1000, factor: 1, maxDelayMs: 1000, jitter: 0 };
    const run = await world.start(
      graphOfTasks([graphTask('a', { retries }), graphTask('b'), graphTask('c'), graphTask('d', { after: ['b'] })]),
    );
    const [a, b] = await world.claim({ limit: 2 });
    expect(await world.write((tx) => cancelRun(tx, world.graphs, run, by))).toBe('cancelling');
    expect(await world.write((tx) => cancelRun(tx, world.graphs, run, by))).toBe('cancelling');
    expect(await world.states(run)).toEqual({ a: 'running', b: 'running', c: 'cancelled', d: 'cancelled' });
    expect(await world.claim()).toEqual([]);
    await world.end(a!, failing(true));
    expect((await world.task(run, 'a')).state).toBe('failed');
    await world.end(b!, { state: 'cancelled' });
    expect(await world.run(run)).toMatchObject({ state: 'cancelled' });
    expect(JSON.parse((await world.run(run)).error_json!)).toMatchObject({ code: 'CANCELLED', by: 'ada' });
    expect((await world.events()).slice(-2)).toEqual(['task.cancelled b', 'run.cancelled']);
    const attempts = await world.store.db.selectFrom('attempts').select('state').orderBy('task_id').execute();
    expect(attempts.map((x) => x.state)).toEqual(['failed', 'cancelled']);
  });

  test('a run whose last task ended well before it was told has succeeded', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('a'));
    const [a] = await world.claim();
    await world.write((tx) => cancelRun(tx, world.graphs, run, by));
    await world.end(a!, done);
    expect(await world.run(run)).toMatchObject({ state: 'succeeded', error_json: null });
  });

  test('elements under way end their mapped task when they are through', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(
      graphOfTasks([graphTask('each', { mapped: true }), graphTask('sum', { after: ['each'] })]),
    );
    const [each] = await world.claim();
    await world.end(each!, { state: 'expanded', inputs: [1, 2, 3] });
    const [first] = await world.claim({ limit: 1 });
    await world.write((tx) => cancelRun(tx, world.graphs, run, by));
    expect(await world.states(run)).toEqual({
      each: 'expanded',
      sum: 'cancelled',
      'each[0]': 'running',
      'each[1]': 'cancelled',
      'each[2]': 'cancelled',
    });
    await world.end(first!, done);
    expect(await world.task(run, 'each')).toMatchObject({
      state: 'cancelled',
      detail: '2 of 3 elements were cancelled',
    });
    expect((await world.run(run)).state).toBe('cancelled');
  });

  test('runs that have ended, or that there are not, are refused', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('a'));
    await world.work();
    await expect(world.write((tx) => cancelRun(tx, world.graphs, run, by))).rejects.toMatchObject({
      code: 'RUN_ENDED',
      message: `Run ${run} cannot be cancelled: it has succeeded already.`,
    });
    await expect(world.write((tx) => cancelRun(tx, world.graphs, 99, by))).rejects.toMatchObject({
      code: 'RUN_UNKNOWN',
    });
  });

  test('a cancelled task takes no success away from its cell', async () => {
    const world = await openRunWorld(open);
    const graph = graphFrom('a, b after a');
    await world.start(graph);
    await world.work();
    const again = await world.start(graph);
    const [a] = await world.claim();
    await world.write((tx) => cancelRun(tx, world.graphs, again, by));
    await world.end(a!, { state: 'cancelled' });
    const cells = await world.store.db.selectFrom('cells').select(['task', 'state']).orderBy('task').execute();
    expect(cells.map((c) => c.state)).toEqual(['succeeded', 'succeeded']);
  });
});
