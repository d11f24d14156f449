import { expect, test } from 'vitest';
import { type Mark, markTask } from '../../../src/orchestrator/runs/mark-task.ts';
import { retryRun, retryTask } from '../../../src/orchestrator/runs/retry-run.ts';
import { startRuns } from '../../../src/orchestrator/runs/start-runs.ts';
import { graphFrom, graphOfTasks, graphTask } from '../graphs.ts';
import { done, type Ending, failing, openRunWorld, type RunWorld } from '../run-world.ts';
import { eachStore } from '../stores.ts';

const failOnly =
  (...names: readonly string[]) =>
  (task: { readonly task: string }): Ending =>
    names.includes(task.task) ? failing(false) : done;

eachStore((_engine, open) => {
  const mark = (
    world: RunWorld,
    run: number,
    task: string,
    state: Mark['state'],
    more: Partial<Mark> = {},
  ): Promise<void> => world.write((tx) => markTask(tx, world.graphs, run, task, { state, by: 'ada', ...more }));

  test('what was held up by a failure goes on when that is marked as succeeded', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('a, b after a, c after b, x'));
    await world.work(failOnly('a'));
    expect(await world.states(run)).toEqual({
      a: 'failed',
      b: 'upstream_failed',
      c: 'upstream_failed',
      x: 'succeeded',
    });
    await mark(world, run, 'a', 'succeeded', { output: { rows: 0 } });
    expect(await world.task(run, 'a')).toMatchObject({
      state: 'succeeded',
      marked_by: 'ada',
      error_json: null,
      output_json: '{"rows":0}',
      detail: 'marked as succeeded by ada',
    });
    expect(await world.run(run)).toMatchObject({ state: 'running', failures: 0, unfinished: 2 });
    expect(await world.work()).toEqual(['b', 'c']);
    expect((await world.run(run)).state).toBe('succeeded');
    expect(await world.events()).toContain('task.marked a');
  });

  test('a run whose last failure is marked ends anew', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('a, b after a'));
    await world.work(failOnly('b'));
    await mark(world, run, 'b', 'succeeded');
    expect(await world.run(run)).toMatchObject({ state: 'succeeded', error_json: null, failures: 0 });
    expect((await world.events()).slice(-3)).toEqual(['run.resumed', 'task.marked b', 'run.succeeded']);
  });

  test('a skip is carried on by the trigger rules', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(
      graphOfTasks([
        graphTask('a'),
        graphTask('b', { after: ['a'] }),
        graphTask('c', { after: ['a'], trigger: 'none_failed' }),
        graphTask('d', { after: ['b'] }),
      ]),
    );
    await world.work(failOnly('a'));
    await mark(world, run, 'a', 'skipped');
    expect(await world.states(run)).toEqual({ a: 'skipped', b: 'skipped', c: 'ready', d: 'skipped' });
    await world.work();
    expect((await world.run(run)).state).toBe('succeeded');
  });

  test('what has not begun can be marked, also in a run that has not', async () => {
    const world = await openRunWorld(open);
    const run = await world.create(graphFrom('a, b after a, c after b'));
    await mark(world, run, 'a', 'succeeded');
    await mark(world, run, 'b', 'skipped');
    expect(await world.states(run)).toEqual({ a: 'succeeded', b: 'skipped', c: 'waiting' });
    await world.write((tx) => startRuns(tx, world.graphs, [run]));
    expect(await world.states(run)).toEqual({ a: 'succeeded', b: 'skipped', c: 'skipped' });
    expect((await world.run(run)).state).toBe('succeeded');
  });

  test('an element that is marked may settle its mapped task', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(
      graphOfTasks([graphTask('each', { mapped: true }), graphTask('sum', { after: ['each'] })]),
    );
    await world.work((t) => {
      if (t.task !== 'each') return done;
      if (t.map_index < 0) return { state: 'expanded', inputs: [1, 2] };
      return failing(false);
    });
    await mark(world, run, 'each', 'succeeded', { mapIndex: 0 });
    expect(await world.states(run)).toMatchObject({ each: 'failed', sum: 'upstream_failed' });
    expect((await world.task(run, 'each')).detail).toBe('1 of 2 elements failed, first each[1]: it failed');
    expect((await world.run(run)).state).toBe('failed');
    await mark(world, run, 'each', 'succeeded', { mapIndex: 1, output: 'by hand' });
    expect(await world.states(run)).toMatchObject({ each: 'succeeded', sum: 'ready' });
    expect((await world.task(run, 'each')).output_json).toBe('[null,"by hand"]');
  });

  test('elements of a task that is to give them anew are neither marked nor retried', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(
      graphOfTasks([graphTask('list'), graphTask('each', { mapped: true, after: ['list'] })]),
    );
    await world.work((t) => (t.task === 'each' && t.map_index < 0 ? { state: 'expanded', inputs: [1, 2] } : done));
    await world.write((tx) => retryRun(tx, world.graphs, run, { by: 'ada', fromTask: 'list' }));
    const retry = () => world.write((tx) => retryTask(tx, world.graphs, run, 'each', { by: 'ada', mapIndex: 0 }));
    await expect(mark(world, run, 'each', 'succeeded', { mapIndex: 0 })).rejects.toMatchObject({
      message: `Task each[0] of run ${run} cannot be marked as succeeded: it is an element of a task that is waiting.`,
    });
    await expect(retry()).rejects.toMatchObject({ code: 'TASK_NOT_ENDED' });
    await world.work(failOnly('list'));
    expect(await world.states(run)).toMatchObject({ each: 'upstream_failed', 'each[0]': 'upstream_failed' });
    await expect(mark(world, run, 'each', 'succeeded', { mapIndex: 0 })).rejects.toMatchObject({
      code: 'TASK_NOT_MARKABLE',
    });
    await expect(retry()).rejects.toMatchObject({ code: 'RETRY_BLOCKED' });
  });

  test('what runs, has ended well, or is no JSON is refused', async () => {
    const world = await openRunWorld(open);
    const run = await world.start(graphFrom('a, b'));
    const [a] = await world.claim();
    await expect(mark(world, run, 'a', 'skipped')).rejects.toMatchObject({ code: 'TASK_NOT_MARKABLE' });
    await world.end(a!, done);
    await mark(world, run, 'a', 'succeeded');
    await expect(mark(world, run, 'a', 'skipped')).rejects.toMatchObject({
      code: 'TASK_NOT_MARKABLE',
      remedy: `It has ended well; to have it done again: sparkify tasks retry ${run} a`,
    });
    await expect(mark(world, run, 'c', 'skipped')).rejects.toMatchObject({ code: 'TASK_UNKNOWN' });
    await world.claim();
    await expect(mark(world, run, 'b', 'succeeded', { output: 1n })).rejects.toMatchObject({
      code: 'TASK_NOT_MARKABLE',
    });
  });
});
