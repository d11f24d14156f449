import { expect, test } from 'vitest';
import { graphOfTasks, graphTask } from '../graphs.ts';
import { done, type Ending, failing, openRunWorld } from '../run-world.ts';
import { eachStore } from '../stores.ts';

const graph = graphOfTasks([
  graphTask('list'),
  graphTask('each', {
    mapped: true,
    after: ['list'],
    retries: { max: 1, delayMs: 1000, factor: 1, maxDelayMs: 1000, jitter: 0 },
  }),
  graphTask('sum', { after: ['each'] }),
]);
const expandTo = (inputs: readonly unknown[]): Ending => ({ state: 'expanded', inputs });

eachStore((_engine, open) => {
  test('a mapped task has as many instances as its elements and ends with the last of them, with all their values', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graph);
    const order = await world.work((t) => {
      if (t.task !== 'each') return done;
      if (t.map_index < 0) return expandTo(['a', { b: 1 }, null]);
      return { state: 'succeeded', detail: 'done', output: { got: JSON.parse(t.input_json!) } };
    });
    expect(order).toEqual(['list', 'each', 'each[0]', 'each[1]', 'each[2]', 'sum']);
    expect(await world.task(run, 'each')).toMatchObject({ state: 'succeeded', detail: '3 elements' });
    expect(JSON.parse((await world.task(run, 'each')).output_json!)).toEqual([
      { got: 'a' },
      { got: { b: 1 } },
      { got: null },
    ]);
    expect((await world.events()).filter((e) => e.endsWith('each'))).toEqual([
      'task.started each',
      'task.expanded each',
      ...['task.started each', 'task.started each', 'task.started each'],
      ...['task.succeeded each', 'task.succeeded each', 'task.succeeded each', 'task.succeeded each'],
    ]);
  });

  test('it fails with the first element that failed for good, after the others have ended', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graph);
    await world.work((t) => {
      if (t.task !== 'each') return done;
      if (t.map_index < 0) return expandTo([1, 2, 3, 4]);
      return t.map_index % 2 === 1 ? failing(false, `no ${t.map_index}`) : done;
    });
    expect(await world.task(run, 'each')).toMatchObject({
      state: 'failed',
      detail: '2 of 4 elements failed, first each[1]: no 1',
    });
    expect(await world.states(run)).toMatchObject({
      'each[2]': 'succeeded',
      'each[3]': 'failed',
      sum: 'upstream_failed',
    });
    expect((await world.run(run)).failures).toBe(4);
  });

  test('no elements are a success with an empty array', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graph);
    expect(await world.work((t) => (t.task === 'each' ? expandTo([]) : done))).toEqual(['list', 'each', 'sum']);
    expect(await world.task(run, 'each')).toMatchObject({
      state: 'succeeded',
      output_json: '[]',
      detail: 'no elements',
    });
  });

  test('elements that are all skipped skip the task', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graph);
    await world.work((t) =>
      t.task !== 'each' ? done : t.map_index < 0 ? expandTo([1, 2]) : { state: 'skipped', reason: 'nothing in it' },
    );
    expect(await world.states(run)).toMatchObject({ each: 'skipped', sum: 'skipped' });
  });

  test('what is no array of values fails the task; expanding is for mapped tasks', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graph);
    await world.work((t) => (t.task === 'each' ? expandTo([1, undefined]) : done));
    expect(JSON.parse((await world.task(run, 'each')).error_json!).code).toBe('VALUE_INVALID');
  });

  test('ten thousand elements are made, worked on and gathered in batches', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graph);
    let claimed = await world.claim();
    await world.end(claimed[0]!, done);
    claimed = await world.claim();
    await world.end(claimed[0]!, expandTo(Array.from({ length: 10_000 }, (_, i) => i)));
    expect(await world.run(run)).toMatchObject({ unfinished: 10_002 });
    let count = 0;
    for (claimed = await world.claim({ limit: 1000 }); count < 10_000; claimed = await world.claim({ limit: 1000 })) {
      count += claimed.length;
      const refused = await world.queue.complete(
        claimed.map(({ taskId, worker, attempt }) => ({
          state: 'succeeded',
          claim: { taskId, worker, attempt },
          detail: 'done',
          output: 1,
        })),
      );
      expect(refused).toEqual([]);
    }
    expect(claimed.map((c) => c.row.task)).toEqual(['sum']);
    expect(JSON.parse((await world.task(run, 'each')).output_json!)).toHaveLength(10_000);
  });
});
