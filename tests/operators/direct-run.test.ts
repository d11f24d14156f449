import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ProgressEvent } from '../../src/core/progress.ts';
import type { RunOptions } from '../../src/operators/run-state.ts';
import { branch, call, mapped, marker, sensor, thread, waitForObjects } from '../../src/pipeline/function-tasks.ts';
import { parseInterval } from '../../src/pipeline/interval.ts';
import { staging } from '../../src/pipeline/tables.ts';
import { chain, group, type Task, type TaskSet, together } from '../../src/pipeline/task.ts';
import { resolveTaskOptions } from '../../src/pipeline/task-options.ts';
import { VisitsWorld, visit } from './visits.ts';

let world: VisitsWorld;
let said: string[];

beforeAll(async () => {
  world = await new VisitsWorld().open();
  world.write('1.json', [visit(1)]);
});
afterAll(() => world.close());
beforeEach(() => {
  said = [];
});

const say = (name: string, options: Parameters<typeof call>[2] = {}): TaskSet =>
  call(name, () => void said.push(name), options);

/** Runs these tasks in the place of the pipeline's own, or before them. */
async function run(tasks: TaskSet, change: Partial<RunOptions> & { before?: boolean } = {}) {
  const { before, ...options } = change;
  const own = world.pipeline.tasks;
  const given = tasks.tasks.map((t): Task => ({ ...t, options: resolveTaskOptions(t.name, t.given, {}) }));
  const lasts = given.filter((t) => !given.some((o) => o.after.includes(t.name))).map((t) => t.name);
  const rest = own.map((t) => (t.after.length === 0 ? { ...t, after: lasts } : t));
  const pipeline = { ...world.pipeline, tasks: before === true ? [...given, ...rest] : given };
  const ends: Record<string, string> = {};
  const progress = (event: ProgressEvent): void => {
    if (event.type === 'task.succeeded' || event.type === 'task.failed' || event.type === 'task.skipped')
      ends[event.task] = `${event.type.slice(5)}: ${event.detail}`;
  };
  const report = await world
    .run({ pipeline, progress, ...options })
    .catch((error: unknown) => ({ error, outcome: 'failed' }));
  return { report, ends };
}

describe('a direct run', () => {
  test('goes the way a branch chooses, and joins the ways again', async () => {
    const tasks = chain(
      branch('fork', () => 'left'),
      [group('left', [say('l1'), say('l2')]), chain(say('r1'), say('r2'))],
      [say('join', { trigger: 'none_failed' }), say('strict')],
    );
    const { ends } = await run(tasks);
    expect(said).toEqual(['l1', 'l2', 'join']);
    expect(ends).toMatchObject({
      fork: 'succeeded: on to l1, l2',
      r1: 'skipped: fork chose otherwise',
      r2: 'skipped: a task before it was skipped',
      strict: 'skipped: a task before it was skipped',
    });
  });

  test('hands values on, from elements and threads too', async () => {
    const count = call('count', () => 2);
    const squares = mapped('squares', {
      over: async ({ value }) => Array.from({ length: (await value(count))! }, (_, i) => i + 1),
      run: ({ skip }, n: number) => (n === 2 ? skip('two is enough') : n * n),
    });
    const doubled = thread<{ result: number }>('doubled', new URL('./think.ts', import.meta.url), 'double', {
      input: async ({ value }) => (await value(count))!,
    });
    let found: unknown;
    const sum = call('sum', async ({ value }) => {
      found = [await value(squares), (await value(doubled))?.result, await value('none')];
    });
    await run(chain(count, [squares, doubled, say('none')], sum));
    expect(found).toEqual([[1, null], 4, undefined]);
  });

  test('after a failure starts only what is there for failures, and fails with the first', async () => {
    const failing = call('failing', () => {
      throw new Error('out of order');
    });
    const tasks = together(
      chain(failing, say('after'), [
        say('clean', { trigger: 'all_done' }),
        say('alarm', { trigger: 'any_failed' }),
        say('normal', { trigger: 'none_failed' }),
      ]),
      chain(say('beside')),
    );
    const { report, ends } = await run(tasks);
    expect(report).toMatchObject({
      error: { code: 'FUNCTION_FAILED', message: expect.stringContaining('out of order') },
    });
    expect(said.sort()).toEqual(['alarm', 'clean']);
    expect(ends.failing).toBe('failed: The function of task failing failed: out of order');
    said = [];
    await run(chain(say('fine'), say('alarm', { trigger: 'any_failed' })));
    expect(said).toEqual(['fine']);
  });

  test('looks once: what is not there is a failure, a skip, or said', async () => {
    const door = (onTimeout: 'fail' | 'skip' | 'succeed', ready = false) =>
      chain(sensor('door', { look: () => ({ ready, detail: 'shut' }), onTimeout }), say('in'));
    expect((await run(door('fail'))).report).toMatchObject({
      error: { code: 'SENSOR_TIMED_OUT', message: expect.stringContaining('shut (a direct run looks once)') },
    });
    expect((await run(door('skip'))).ends).toEqual({
      door: 'skipped: shut',
      in: 'skipped: a task before it was skipped',
    });
    const { report, ends } = await run(door('succeed'));
    expect(ends.door).toBe('succeeded: shut; goes on without');
    expect(report).toMatchObject({ warnings: ['door: shut; goes on without'] });
    await run(door('fail', true));
    expect(said).toEqual(['in', 'in']);
  });

  test('takes missing objects as empty unless it was said that they must be there', async () => {
    const days = (onMissing: 'empty' | 'wait' | 'fail') =>
      staging('staging_days', {
        doc: 'Days.',
        root: world.directory,
        template: '{yyyy}/{MM}/{dd}.json',
        columns: {},
        key: [],
        onMissing,
      });
    const interval = parseInterval('2024-05-01');
    for (const onMissing of ['empty', 'wait'] as const) {
      const { ends } = await run(chain(waitForObjects(days(onMissing)), say('on')), { interval });
      expect(ends.wait_for_days).toBe('succeeded: no object for 2024-05-01; goes on without');
    }
    const failing = { error: { code: 'SENSOR_TIMED_OUT' } };
    expect((await run(waitForObjects(days('fail')), { interval })).report).toMatchObject(failing);
    expect((await run(waitForObjects(days('empty'), { onMissing: 'fail' }), { interval })).report).toMatchObject(
      failing,
    );
    const skipped = await run(chain(waitForObjects(days('empty'), { onMissing: 'skip' }), say('not on')), { interval });
    expect(skipped.ends.wait_for_days).toBe('skipped: no object for 2024-05-01');
    const { ends } = await run(chain(waitForObjects(days('fail')), say('ever')));
    expect(ends.wait_for_days).toBe('succeeded: over all time nothing is waited for');
    expect(said).toEqual(['on', 'on', 'ever']);
  });

  test('publishes after functions, and not when they skipped the load', async () => {
    const skipping = await run(
      call('gate', ({ skip }) => skip('not today')),
      { before: true },
    );
    expect(skipping.report.outcome).toBe('partial');
    expect(skipping.ends.publish).toBe('skipped: a task before it was skipped');
    expect((await run(marker('gate'), { before: true })).report).toMatchObject({ outcome: 'published', epoch: 1 });
  });

  test('a dry run leaves out what follows the publish', async () => {
    const { tasks } = world.pipeline;
    const [tell] = say('tell').tasks.map(
      (t): Task => ({ ...t, after: ['publish'], options: resolveTaskOptions(t.name, t.given, {}) }),
    );
    const pipeline = { ...world.pipeline, tasks: [...tasks, tell!] };
    world.write('2.json', [visit(2)]);
    expect((await world.run({ pipeline, dryRun: true })).outcome).toBe('dry-run');
    expect(said).toEqual([]);
    expect((await world.run({ pipeline })).outcome).toBe('published');
    expect(said).toEqual(['tell']);
  });
});
