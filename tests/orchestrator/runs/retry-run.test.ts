import { expect, test } from 'vitest';
import { cancelRun } from '../../../src/orchestrator/runs/cancel-run.ts';
import { retryRun, retryTask } from '../../../src/orchestrator/runs/retry-run.ts';
import { graphFrom, graphOfTasks, graphTask } from '../graphs.ts';
import { done, type Ending, failing, openRunWorld, type RunWorld } from '../run-world.ts';
import { eachStore } from '../stores.ts';

const failOnly =
  (...names: readonly string[]) =>
  (task: { readonly task: string }): Ending =>
    names.includes(task.task) ? failing(false) : done;

eachStore((_engine, open) => {
  const retry = (world: RunWorld, run: number, fromTask?: string): Promise<void> =>
    world.write((tx) =>
      retryRun(tx, world.graphs, run, { by: 'ada', ...(fromTask === undefined ? {} : { fromTask }) }),
    );
  const retryOne = (world: RunWorld, run: number, task: string, mapIndex?: number): Promise<void> =>
    world.write((tx) =>
      retryTask(tx, world.graphs, run, task, { by: 'ada', ...(mapIndex === undefined ? {} : { mapIndex }) }),
    );

  test('what failed goes back with everything after it; what was done stays; the history grows', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(
      graphOfTasks([
        graphTask('a'),
        graphTask('b', { after: ['a'] }),
        graphTask('c', { after: ['b'] }),
        graphTask('other', { after: ['a'] }),
        graphTask('clear_up', { after: ['c', 'other'], trigger: 'all_done' }),
      ]),
    );
    await world.work(failOnly('b'));
    expect(await world.run(run)).toMatchObject({ state: 'failed', failures: 2 });
    world.clock.advance(60_000);
    await retry(world, run);
    expect(await world.run(run)).toMatchObject({
      state: 'running',
      failures: 0,
      unfinished: 3,
      error_json: null,
      finished_at_ms: null,
      started_at_ms: world.clock.nowMs(),
    });
    expect(await world.states(run)).toEqual({
      a: 'succeeded',
      b: 'ready',
      c: 'waiting',
      other: 'succeeded',
      clear_up: 'waiting',
    });
    expect(await world.work()).toEqual(['b', 'c', 'clear_up']);
    expect((await world.run(run)).state).toBe('succeeded');
    const attempts = await world.store.db
      .selectFrom('attempts')
      .select(['attempt', 'state'])
      .where('task_id', '=', (await world.task(run, 'b')).id)
      .orderBy('attempt')
      .execute();
    expect(attempts).toEqual([
      { attempt: 1, state: 'failed' },
      { attempt: 2, state: 'succeeded' },
    ]);
    expect((await world.events()).filter((e) => e.startsWith('run.'))).toEqual([
      'run.created',
      'run.started',
      'run.failed',
      'run.resumed',
      'run.succeeded',
    ]);
  });

  test('from a task on, everything after it is done again', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('a, b after a, c after b, x after a'));
    await world.work();
    await expect(retry(world, run)).rejects.toMatchObject({ code: 'RETRY_NOTHING' });
    await retry(world, run, 'b');
    expect(await world.work()).toEqual(['b', 'c']);
  });

  test('from a group on, all of its tasks are', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(
      graphOfTasks([
        graphTask('a'),
        graphTask('b', { after: ['a'], group: 'both' }),
        graphTask('c', { after: ['a'], group: 'both.inner' }),
        graphTask('d', { after: ['a'] }),
      ]),
    );
    await world.work();
    await retry(world, run, 'both');
    expect(await world.work()).toEqual(['b', 'c']);
  });

  test('a cancelled run goes on where it was', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('a, b after a, c after b'));
    const [a] = await world.claim();
    await world.end(a!, done);
    await world.write((tx) => cancelRun(tx, world.graphs, run, { by: 'ada' }));
    await retry(world, run);
    expect(await world.work()).toEqual(['b', 'c']);
    expect(await world.run(run)).toMatchObject({ state: 'succeeded', error_json: null });
  });

  test('runs that go on, unknown tasks, and retries that would run nothing are refused', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('a, b after a, c after b'));
    await expect(retry(world, run)).rejects.toMatchObject({ code: 'RUN_NOT_ENDED' });
    await world.work(failOnly('a'));
    await expect(retry(world, run, 'd')).rejects.toMatchObject({
      code: 'TASK_UNKNOWN',
      remedy: 'Its tasks are: a, b, c.',
    });
    await expect(retry(world, run, 'b')).rejects.toMatchObject({
      code: 'RETRY_BLOCKED',
      message: `Nothing of run ${run} would run from b on: a before it did not succeed.`,
    });
    expect(await world.states(run)).toEqual({ a: 'failed', b: 'upstream_failed', c: 'upstream_failed' });
  });

  test('of a mapped task only the elements go back that failed', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(
      graphOfTasks([graphTask('each', { mapped: true }), graphTask('sum', { after: ['each'] })]),
    );
    await world.work((t) => {
      if (t.task !== 'each') return done;
      if (t.map_index < 0) return { state: 'expanded', inputs: [1, 2, 3] };
      return t.map_index === 1 ? failing(false) : { ...done, state: 'succeeded', detail: 'done', output: t.map_index };
    });
    await retry(world, run);
    expect(await world.states(run)).toMatchObject({
      each: 'expanded',
      'each[0]': 'succeeded',
      'each[1]': 'ready',
      sum: 'waiting',
    });
    expect(await world.work(() => ({ state: 'succeeded', detail: 'done', output: 'again' }))).toEqual([
      'each[1]',
      'sum',
    ]);
    expect((await world.task(run, 'each')).output_json).toBe('[0,"again",2]');
    await retryOne(world, run, 'each', 2);
    expect(await world.work()).toEqual(['each[2]', 'sum']);
    expect((await world.task(run, 'each')).output_json).toBe('[0,"again",null]');
  });

  test('a mapped task that is done again from the start has the elements it finds then, under their numbers', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(
      graphOfTasks([
        graphTask('list'),
        graphTask('each', { mapped: true, after: ['list'] }),
        graphTask('sum', { after: ['each'] }),
      ]),
    );
    const withInputs =
      (inputs: readonly unknown[]) =>
      (t: { readonly task: string; readonly map_index: number; readonly input_json: string | null }): Ending => {
        if (t.task !== 'each') return done;
        return t.map_index < 0
          ? { state: 'expanded', inputs }
          : { state: 'succeeded', detail: 'done', output: JSON.parse(t.input_json!) };
      };
    await world.work(withInputs(['a', 'b', 'c']));
    await retry(world, run, 'list');
    expect(await world.run(run)).toMatchObject({ unfinished: 6 });
    expect(await world.work(withInputs(['x', 'y']))).toEqual(['list', 'each', 'each[0]', 'each[1]', 'sum']);
    expect((await world.task(run, 'each')).output_json).toBe('["x","y"]');
    expect(await world.task(run, 'each', 2)).toMatchObject({
      state: 'skipped',
      detail: 'no longer among the elements',
      attempt: 1,
    });
    expect((await world.run(run)).state).toBe('succeeded');
    await retry(world, run, 'list');
    await world.work(withInputs([1, 2, 3, 4]));
    expect((await world.task(run, 'each')).output_json).toBe('[1,2,3,4]');
    await retry(world, run, 'list');
    await world.work(failOnly('list'));
    expect(await world.states(run)).toMatchObject({
      each: 'upstream_failed',
      'each[0]': 'upstream_failed',
      'each[3]': 'upstream_failed',
    });
    expect(await world.run(run)).toMatchObject({ state: 'failed', unfinished: 0 });
  });

  test('one task of a run under way is done again with those after it, if nobody works on them', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('a, b after a, c after b, x'));
    const [a, x] = await world.claim();
    await expect(retryOne(world, run, 'a')).rejects.toMatchObject({ code: 'TASK_NOT_ENDED' });
    await world.end(a!, done);
    const [b] = await world.claim();
    await expect(retryOne(world, run, 'a')).rejects.toMatchObject({
      code: 'TASK_NOT_ENDED',
      message: `Task b of run ${run} cannot be reset: it is running.`,
    });
    await world.end(b!, failing(false));
    expect(await world.states(run)).toEqual({ a: 'succeeded', b: 'failed', c: 'upstream_failed', x: 'running' });
    await retryOne(world, run, 'a');
    expect(await world.states(run)).toEqual({ a: 'ready', b: 'waiting', c: 'waiting', x: 'running' });
    expect(await world.run(run)).toMatchObject({ state: 'running', failures: 0, unfinished: 4 });
    await world.end(x!, done);
    expect(await world.work()).toEqual(['a', 'b', 'c']);
  });

  test('a task that became ready waits again when one before it is retried', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('a, b after a'));
    const [a] = await world.claim();
    await world.end(a!, done);
    await retryOne(world, run, 'a');
    expect(await world.states(run)).toEqual({ a: 'ready', b: 'waiting' });
    expect(await world.work()).toEqual(['a', 'b']);
  });
});
