import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { SparkifyError } from '../../src/core/errors.ts';
import { type FunctionHost, type FunctionTask, runFunctionTask } from '../../src/operators/function-task.ts';
import { branch, call, mapped, sensor, thread, waitForObjects } from '../../src/pipeline/function-tasks.ts';
import { ALL_TIME, parseInterval } from '../../src/pipeline/interval.ts';
import type { JsonValue } from '../../src/pipeline/json-value.ts';
import { staging } from '../../src/pipeline/tables.ts';
import { chain, type TaskSet, together } from '../../src/pipeline/task.ts';
import { openSource } from '../../src/sources/index.ts';
import { visits, withTasks } from '../pipeline/one-table.ts';

const interval = parseInterval('2024-05-01');
const thoughts = new URL('./think.ts', import.meta.url);

/** Carries out the task of this name among these, as a worker would. */
async function runTask(tasks: TaskSet, name: string, change: Partial<FunctionHost> = {}) {
  const pipeline = withTasks(tasks);
  const lines: string[] = [];
  const host: FunctionHost = {
    pipeline,
    interval,
    attempt: 2,
    runId: 7,
    signal: new AbortController().signal,
    log: (message, level) => lines.push(`${level} ${message}`),
    givenBy: async () => undefined,
    openSource: (root) => openSource(root, { cwd: '/' }),
    ...change,
  };
  const task = pipeline.tasks.find((t) => t.name === name) as FunctionTask;
  return { result: await runFunctionTask(task, host), lines };
}

describe('a call', () => {
  test('is told where and when it is, and gives a value', async () => {
    const seen: unknown[] = [];
    const tell = call('tell', (context) => {
      const { pipeline, task, params, attempt, runId, idempotencyKey } = context;
      seen.push({ pipeline, task, params, attempt, runId, idempotencyKey, interval: context.interval });
      context.log('hello');
      context.log('careful', 'warn');
      return { told: 3 };
    });
    expect(await runTask(tell, 'tell')).toEqual({
      result: { kind: 'done', detail: 'careful', value: { told: 3 } },
      lines: ['info hello', 'warn careful'],
    });
    expect(seen).toEqual([
      {
        pipeline: 'visits',
        task: 'tell',
        params: {},
        attempt: 2,
        runId: 7,
        idempotencyKey: `visits/tell/${interval.startMs}-${interval.endMs}`,
        interval,
      },
    ]);
  });

  test('without a word or a value is done', async () => {
    const { result } = await runTask(
      call('tell', async () => {}),
      'tell',
    );
    expect(result).toEqual({ kind: 'done', detail: 'done', value: undefined });
  });

  test('reads values of the tasks before it, however far, and of no others', async () => {
    const count = call('count', () => 3);
    const asked: string[] = [];
    const givenBy = async (name: string): Promise<JsonValue> => {
      asked.push(name);
      return 3;
    };
    const tasks = together(
      chain(
        count,
        call('between', () => {}),
        call('tell', async ({ value }) => [await value(count), await value('between')]),
        call('later', () => {}),
      ),
      chain(
        call('beside', () => 1),
        call('astray', ({ value }) => value('count')),
      ),
    );
    expect((await runTask(tasks, 'tell', { givenBy })).result).toMatchObject({ value: [3, 3] });
    expect(asked).toEqual(['count', 'between']);
    await expect(runTask(tasks, 'astray', { givenBy })).rejects.toMatchObject({
      code: 'VALUE_UNKNOWN',
      message: 'Task astray asks for the value of count, which does not come before it.',
      remedy: 'These come before it: beside',
    });
  });

  test('that throws can be tried again; one that gives up cannot', async () => {
    const cause = new Error('they do not answer');
    const failing = call('tell', () => {
      throw cause;
    });
    await expect(runTask(failing, 'tell')).rejects.toMatchObject({
      code: 'FUNCTION_FAILED',
      message: 'The function of task tell failed: they do not answer',
      retryable: true,
      cause,
    });
    const hopeless = call('tell', ({ giveUp }) => giveUp('the customer is unknown'));
    await expect(runTask(hopeless, 'tell')).rejects.toMatchObject({
      code: 'FUNCTION_GAVE_UP',
      message: 'Task tell gave up: the customer is unknown',
      retryable: false,
    });
  });

  test('may skip itself', async () => {
    const tasks = call('tell', ({ skip }) => skip('nobody to tell'));
    expect((await runTask(tasks, 'tell')).result).toEqual({ kind: 'skipped', detail: 'nobody to tell' });
  });

  test('gives JSON or nothing', async () => {
    await expect(
      runTask(
        call('tell', () => new Date(0)),
        'tell',
      ),
    ).rejects.toMatchObject({ code: 'VALUE_INVALID' });
    await expect(
      runTask(
        call('tell', () => 'x'.repeat(70_000)),
        'tell',
      ),
    ).rejects.toMatchObject({
      code: 'VALUE_TOO_LARGE',
    });
  });

  test('that is interrupted fails with the reason of the interruption', async () => {
    const controller = new AbortController();
    const reason = new SparkifyError('SENSOR_TIMED_OUT', { task: 'tell', detail: 'late' });
    const tasks = call('tell', async ({ signal }) => {
      controller.abort(reason);
      signal.throwIfAborted();
    });
    await expect(runTask(tasks, 'tell', { signal: controller.signal })).rejects.toBe(reason);
    await expect(runTask(tasks, 'tell', { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe('a branch', () => {
  const ways = (choose: () => string | string[]) =>
    chain(branch('fork', choose), [call('left', () => {}), call('right', () => {})]);

  test('chooses what goes on', async () => {
    expect(
      (
        await runTask(
          ways(() => 'left'),
          'fork',
        )
      ).result,
    ).toEqual({
      kind: 'chosen',
      detail: 'on to left',
      chosen: ['left'],
    });
    expect(
      (
        await runTask(
          ways(() => []),
          'fork',
        )
      ).result,
    ).toMatchObject({ detail: 'nothing goes on', chosen: [] });
  });

  test('must know the way', async () => {
    await expect(
      runTask(
        ways(() => 'up'),
        'fork',
      ),
    ).rejects.toMatchObject({
      code: 'BRANCH_UNKNOWN',
      remedy: 'Let it return names among: left, right',
      retryable: false,
    });
  });
});

test('a sensor says what it saw', async () => {
  const look = async (seen: boolean | { ready: boolean; detail?: string }) =>
    (await runTask(sensor('door', { look: () => seen }), 'door')).result;
  expect(await look(true)).toEqual({ kind: 'looked', ready: true, detail: 'there' });
  expect(await look(false)).toEqual({ kind: 'looked', ready: false, detail: 'not there yet' });
  expect(await look({ ready: false, detail: 'still shut' })).toMatchObject({ ready: false, detail: 'still shut' });
});

describe('waiting for objects', () => {
  const root = mkdtempSync(join(tmpdir(), 'sparkify-waiting-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const put = (key: string): void => {
    mkdirSync(join(root, key, '..'), { recursive: true });
    writeFileSync(join(root, key), '');
  };
  put('a/2024/04/30.json');
  put('a/2024/05/01.json');
  put('a/2024/05/02.json.gz');
  mkdirSync(join(root, 'empty'));
  const look = async (folder: string, at: string, template: string | undefined = '{yyyy}/{MM}/{dd}.json') => {
    const { kind: _, name: __, columns: ___, template: ____, ...rest } = visits;
    const source = staging('staging_files', {
      ...rest,
      columns: {},
      root: join(root, folder),
      ...(template === '' ? {} : { template }),
    });
    const set = waitForObjects(source);
    return (await runTask(set, 'wait_for_files', { interval: at === '' ? ALL_TIME : parseInterval(at) })).result;
  };

  test('needs one for each period that the interval touches', async () => {
    expect(await look('a', '2024-05-01')).toEqual({ kind: 'looked', ready: true, detail: '1 object' });
    expect(await look('a', '2024-05-01T07:00Z/2024-05-02T07:00Z')).toMatchObject({ ready: true, detail: '2 objects' });
    expect(await look('a', '2024-05-02/2024-05-04')).toMatchObject({
      ready: false,
      detail: 'no object for 2024-05-03',
    });
    expect(await look('a', '2024-05')).toMatchObject({
      ready: false,
      detail: 'no object for 2024-05-03, 2024-05-04, 2024-05-05, 2024-05-06, 2024-05-07 and 24 more periods',
    });
  });

  test('without a template needs any', async () => {
    expect(await look('a', '2030-01-01', '')).toMatchObject({ ready: true, detail: '3 objects' });
    expect(await look('empty', '2024-05-01', '')).toMatchObject({
      ready: false,
      detail: `no object in ${join(root, 'empty')}`,
    });
  });

  test('over all time needs none', async () => {
    expect(await look('empty', '')).toMatchObject({ ready: true, detail: 'over all time nothing is waited for' });
  });

  test('says when the source itself is not there', async () => {
    await expect(look('nowhere', '2024-05-01')).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' });
  });
});

describe('a mapped task', () => {
  const files = mapped('files', {
    over: () => [{ name: 'a' }, { name: 'bc' }],
    run: ({ idempotencyKey, task }, file) => `${task} ${file.name} ${idempotencyKey.split('/').at(-1)}`,
  });

  test('gives its elements, then runs for each', async () => {
    const { result } = await runTask(files, 'files');
    expect(result).toEqual({ kind: 'expanded', detail: '2 elements', inputs: [{ name: 'a' }, { name: 'bc' }] });
    const one = await runTask(files, 'files', { element: { index: 1, input: { name: 'bc' } } });
    expect(one.result).toEqual({ kind: 'done', detail: 'done', value: 'files bc 1' });
  });

  test('takes ten thousand', async () => {
    const many = mapped('files', { over: () => Array.from({ length: 10_000 }, (_, i) => i), run: () => {} });
    const { result } = await runTask(many, 'files');
    expect(result.kind === 'expanded' && result.inputs).toHaveLength(10_000);
  });

  test('wants an array of JSON', async () => {
    const none = mapped('files', { over: () => undefined as unknown as string[], run: () => {} });
    await expect(runTask(none, 'files')).rejects.toMatchObject({ code: 'VALUE_INVALID' });
  });
});

describe('a thread', () => {
  test('calls the function beside this thread, with its input and lines of its log', async () => {
    const tasks = thread('think', thoughts, 'double', { input: async () => 21 });
    const { result, lines } = await runTask(tasks, 'think');
    expect(result).toMatchObject({ kind: 'done', detail: 'doubling 21' });
    const value = (result.kind === 'done' ? result.value : null) as { result: number; thread: number; key: string };
    expect(value.result).toBe(42);
    expect(value.thread).toBeGreaterThan(0);
    expect(value.key).toBe(`visits/think/${interval.startMs}-${interval.endMs}`);
    expect(lines).toEqual(['info doubling 21']);
  });

  test('loads a module of a project that names no kind of module', async () => {
    const project = mkdtempSync(join(tmpdir(), 'sparkify-thoughts-'));
    try {
      writeFileSync(join(project, 'add.ts'), 'export const add = (n: number): number => n + 1;');
      const { result } = await runTask(thread('think', join(project, 'add.ts'), 'add', { input: 1 }), 'think');
      expect(result).toMatchObject({ kind: 'done', value: 2 });
    } finally {
      rmSync(project, { recursive: true, force: true });
    }
  });

  test('fails with what the function throws', async () => {
    const error = await runTask(thread('think', thoughts, 'fail'), 'think').catch((e: unknown) => e as SparkifyError);
    expect(error).toMatchObject({
      code: 'FUNCTION_FAILED',
      message: 'The function of task think failed: too hard',
      cause: { stack: expect.stringContaining('think.ts') },
    });
  });

  test('is ended at once when it is interrupted, whatever it computes', async () => {
    const controller = new AbortController();
    const reason = new SparkifyError('SENSOR_TIMED_OUT', { task: 'think', detail: 'late' });
    const log = (): void => controller.abort(reason);
    const spinning = runTask(thread('think', thoughts, 'spin'), 'think', { signal: controller.signal, log });
    await expect(spinning).rejects.toBe(reason);
  });

  test('that ends its process ends only itself', async () => {
    await expect(runTask(thread('think', thoughts, 'leave'), 'think')).rejects.toMatchObject({
      code: 'FUNCTION_FAILED',
      message: expect.stringContaining('ended by itself with code 3'),
    });
  });

  test.each([
    [new URL('./nowhere.ts', import.meta.url), 'double', /nowhere\.ts/],
    [thoughts, 'nothing', /exports no function "nothing" \(it exports: double, fail, leave, notAFunction, spin\)/],
    [thoughts, 'notAFunction', /exports no function "notAFunction"/],
  ])('without the function is a mistake: %s %s', async (module, name, message) => {
    await expect(runTask(thread('think', module, name), 'think')).rejects.toMatchObject({
      code: 'THREAD_INVALID',
      message: expect.stringMatching(message),
      retryable: false,
    });
  });
});
