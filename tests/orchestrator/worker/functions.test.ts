import { branch, call, chain, definePipeline, mapped, resolvePipeline, sensor, z } from 'sparkify';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { toSparkifyError } from '../../../src/core/errors.ts';
import { cancelRun } from '../../../src/orchestrator/runs/cancel-run.ts';
import type { PipelineOptions, ResolvedPipeline } from '../../../src/pipeline/define.ts';
import type { FunctionContext } from '../../../src/pipeline/function-context.ts';
import type { TaskSet } from '../../../src/pipeline/task.ts';
import { useQuickDirectory } from '../../property/quick-directory.ts';
import { WorkerWorld } from './worker-world.ts';

function pipelineOf(tasks: TaskSet, more: Partial<PipelineOptions<z.ZodObject>> = {}): ResolvedPipeline {
  return resolvePipeline(
    definePipeline({
      name: 'work',
      params: z.object({ city: z.string().default('Lansing') }),
      define: () => ({ stagings: [], tables: [], tasks }),
      ...more,
    }),
    {},
  );
}

/** A promise and what settles it. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open: () => void = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

describe('functions, carried out by a worker', () => {
  let world: WorkerWorld;

  beforeAll(useQuickDirectory);
  beforeEach(async () => {
    world = await new WorkerWorld().open();
  });
  afterEach(() => world.close());

  test('a chain runs in its order, and values go from task to task', async () => {
    const first = call('first', () => ({ n: 20 }));
    const second = call('second', async (context) => ((await context.value(first))?.n ?? 0) + 1);
    const seen: FunctionContext[] = [];
    const third = call('third', async (context) => {
      seen.push(context);
      context.log(`got ${await context.value('second')}`);
    });
    const pipeline = pipelineOf(chain(first, second, third));
    await world.worker([pipeline]);
    const id = await world.run(pipeline, { params: { city: 'Paris' } });
    expect(await world.ended(id)).toMatchObject({ state: 'succeeded', unfinished: 0 });
    expect(await world.told(id)).toEqual([
      'first succeeded: done',
      'second succeeded: done',
      'third succeeded: got 21',
    ]);
    expect(seen[0]).toMatchObject({ params: { city: 'Paris' }, attempt: 1, runId: id, task: 'third' });
  });

  test('a branch chooses, and the others are skipped', async () => {
    const pipeline = pipelineOf(
      chain(
        branch('which', () => 'left'),
        [call('left', () => undefined), call('right', () => undefined)],
        call('end', () => undefined, { trigger: 'none_failed' }),
      ),
    );
    await world.worker([pipeline]);
    const id = await world.run(pipeline);
    await world.ended(id);
    expect((await world.tasks(id)).map((t) => [t.task, t.state])).toEqual([
      ['which', 'succeeded'],
      ['left', 'succeeded'],
      ['right', 'skipped'],
      ['end', 'succeeded'],
    ]);
  });

  test('a mapped task has as many instances as there is data for, and the next one gets all values', async () => {
    const squares = mapped('squares', {
      over: () => Array.from({ length: 200 }, (_, n) => n),
      run: (_, n: number) => n * n,
    });
    const sum = call('sum', async (context) => ((await context.value(squares)) ?? []).reduce((a, b) => a! + b!, 0));
    const pipeline = pipelineOf(chain(squares, sum));
    await world.worker([pipeline]);
    const id = await world.run(pipeline);
    expect(await world.ended(id)).toMatchObject({ state: 'succeeded' });
    expect(JSON.parse((await world.taskRow(id, 'sum')).output_json!)).toBe((199 * 200 * 399) / 6);
  });

  test('a sensor gives its slot back between looks', async () => {
    let there = false;
    const wait = sensor('wait', {
      look: () => ({ ready: there, detail: there ? 'here' : 'not here' }),
      every: '1 minute',
    });
    const pipeline = pipelineOf(
      chain(
        wait,
        call('after', () => undefined),
      ),
    );
    world.slots = 1;
    await world.worker([pipeline]);
    const id = await world.run(pipeline);
    await world.until(async () => ((await world.taskRow(id, 'wait')).looks === 1 ? true : undefined));
    // The only slot is free for others meanwhile.
    const other = pipelineOf(call('quick', () => undefined));
    await world.ended(await world.run(other));
    there = true;
    world.time.advance(60_000);
    expect(await world.ended(id)).toMatchObject({ state: 'succeeded' });
    expect(await world.told(id)).toEqual(['wait succeeded: here', 'after succeeded: done']);
  });

  test('an error is tried again as the task says, after its delay', async () => {
    let tries = 0;
    const flaky = call(
      'flaky',
      ({ attempt }) => {
        tries++;
        if (attempt < 3) throw new Error(`no answer (${attempt})`);
      },
      { retries: { max: 2, delay: '5 minutes', factor: 1 } },
    );
    const pipeline = pipelineOf(flaky);
    await world.worker([pipeline]);
    const id = await world.run(pipeline);
    for (const failures of [1, 2]) {
      await world.until(async () => ((await world.taskRow(id, 'flaky')).failures === failures ? true : undefined));
      world.time.advance(5 * 60_000);
    }
    expect(await world.ended(id)).toMatchObject({ state: 'succeeded' });
    expect(tries).toBe(3);
    expect((await world.events('task.retrying')).map((e) => e.error)).toEqual([
      { code: 'FUNCTION_FAILED', message: expect.stringContaining('no answer (1)') },
      { code: 'FUNCTION_FAILED', message: expect.stringContaining('no answer (2)') },
    ]);
  });

  test('a task that takes too long is interrupted and fails', async () => {
    const begun = gate();
    const slow = call(
      'slow',
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
          begun.open();
        }),
      { timeout: '10 minutes' },
    );
    const pipeline = pipelineOf(slow);
    await world.worker([pipeline]);
    const id = await world.run(pipeline);
    await begun.passed;
    world.time.advance(10 * 60_000);
    const run = await world.ended(id);
    expect(run.state).toBe('failed');
    expect(JSON.parse(run.error_json!)).toMatchObject({
      code: 'TASK_TIMEOUT',
      message: expect.stringContaining('600 s'),
    });
  });

  test('one that does not heed the signal is left to itself, and its slot is free', async () => {
    const begun = gate();
    const deaf = call('deaf', () => new Promise(() => begun.open()), { timeout: '1 minute' });
    const pipeline = pipelineOf(deaf);
    await world.worker([pipeline], { graceMs: 2_000 });
    const id = await world.run(pipeline);
    await begun.passed;
    world.time.advance(60_000);
    world.time.advance(2_000);
    expect(JSON.parse((await world.ended(id)).error_json!)).toMatchObject({ code: 'TASK_TIMEOUT' });
  });

  test('cancelling a run interrupts what is under way, and the rest never begins', async () => {
    const begun = gate();
    const long = call('long', ({ signal }) => {
      begun.open();
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const pipeline = pipelineOf(
      chain(
        long,
        call('after', () => undefined),
      ),
    );
    await world.worker([pipeline]);
    const id = await world.run(pipeline);
    await begun.passed;
    expect(await world.store.write((tx) => cancelRun(tx, world.graphs, id, { by: 'anna' }))).toBe('cancelling');
    expect(await world.ended(id)).toMatchObject({ state: 'cancelled' });
    expect((await world.tasks(id)).map((t) => t.state)).toEqual(['cancelled', 'cancelled']);
  });

  test('a task of the definition that is gone, and a pipeline that is gone, fail with what to do', async () => {
    const old = pipelineOf(
      chain(
        call('a', () => undefined),
        call('b', () => undefined),
      ),
    );
    await world.worker([pipelineOf(call('a', () => undefined))]);
    const id = await world.run(old);
    expect(JSON.parse((await world.ended(id)).error_json!)).toMatchObject({ code: 'TASK_GONE' });
    const gone = pipelineOf(
      call('a', () => undefined),
      { name: 'gone' },
    );
    expect(JSON.parse((await world.ended(await world.run(gone))).error_json!)).toMatchObject({ code: 'PIPELINE_GONE' });
  });

  test('a draining worker finishes what runs, claims nothing more, and is written off', async () => {
    const begun = gate();
    const finish = gate();
    const pipeline = pipelineOf(
      chain(
        call('a', async () => {
          begun.open();
          await finish.passed;
        }),
        call('b', () => undefined),
      ),
    );
    const worker = await world.worker([pipeline]);
    const id = await world.run(pipeline);
    await begun.passed;
    worker.stop('drain');
    finish.open();
    await worker.done;
    expect((await world.tasks(id)).map((t) => t.state)).toEqual(['succeeded', 'ready']);
    expect(await world.store.db.selectFrom('workers').selectAll().execute()).toEqual([]);
    expect(await world.events('worker.stopped')).toHaveLength(1);
    await world.worker([pipeline]);
    expect(await world.ended(id)).toMatchObject({ state: 'succeeded' });
  });

  test('a worker that stops at once gives back unharmed what it interrupts', async () => {
    const begun = gate();
    let tries = 0;
    const pipeline = pipelineOf(
      call('a', ({ signal }) => {
        if (++tries > 1) return;
        begun.open();
        return new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      }),
    );
    const worker = await world.worker([pipeline]);
    const id = await world.run(pipeline);
    await begun.passed;
    worker.stop('drain');
    worker.stop('now');
    await worker.done;
    expect(await world.taskRow(id, 'a')).toMatchObject({ state: 'ready', failures: 0, crashes: 0 });
    await world.worker([pipeline]);
    expect(await world.ended(id)).toMatchObject({ state: 'succeeded' });
    expect(tries).toBe(2);
  });

  test('an attempt whose lease was lost is interrupted, and another worker does it once more', async () => {
    const begun = gate();
    const interrupted = gate();
    let tries = 0;
    const pipeline = pipelineOf(
      call('a', ({ signal }) => {
        if (++tries > 1) return;
        begun.open();
        return new Promise<void>((_, reject) =>
          signal.addEventListener('abort', () => {
            interrupted.open();
            reject(signal.reason);
          }),
        );
      }),
    );
    await world.worker([pipeline], { leaseMs: 15_000 });
    const id = await world.run(pipeline);
    await begun.passed;
    // As if the process had been paused: the lease runs out while its timers stand still.
    await world.store.write((tx) => tx.run("update tasks set lease_until_ms = 0 where state = 'running'"));
    expect(await world.queue().expire()).toBe(1);
    world.time.advance(5_000);
    await interrupted.passed;
    expect(await world.ended(id)).toMatchObject({ state: 'succeeded' });
    expect(await world.taskRow(id, 'a')).toMatchObject({ attempt: 2, crashes: 1, failures: 0 });
  });

  test('a definition that does not load lets its runs wait, and says why; when it loads they go on', async () => {
    const pipeline = pipelineOf(call('a', () => undefined));
    const worker = await world.worker([]);
    worker.replacePipelines({
      resolved: [],
      broken: [{ name: 'work', error: toSparkifyError(new Error('no such file')) }],
    });
    const id = await world.run(pipeline);
    const row = await world.until(async () => {
      const task = await world.taskRow(id, 'a');
      return task.detail === null ? undefined : task;
    });
    expect(row).toMatchObject({ state: 'ready', detail: expect.stringMatching(/does not load: .*no such file/) });
    worker.replacePipelines({ resolved: [pipeline], broken: [] });
    world.time.advance(10_000);
    expect(await world.ended(id)).toMatchObject({ state: 'succeeded' });
  });
});
