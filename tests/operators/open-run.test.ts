import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SparkifyError } from '../../src/core/errors.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { type DataTask, isDataOperator } from '../../src/operators/data-task.ts';
import { openRun, type RunHandle } from '../../src/operators/open-run.ts';
import { runPipeline } from '../../src/operators/run.ts';
import type { RunOptions } from '../../src/operators/run-state.ts';
import { createTestDatabase, type TestDatabase } from '../postgres-server/database.ts';
import { useQuickDirectory } from '../property/quick-directory.ts';
import { VisitsWorld, visit } from './visits.ts';

describe.each(['duckdb', 'postgres'] as const)('a run that is held open, on %s', (engine) => {
  let database: TestDatabase | undefined;
  let world: VisitsWorld;
  let told: ProgressEvent[];

  beforeAll(useQuickDirectory);

  beforeEach(async () => {
    await world?.close();
    await database?.drop();
    database = engine === 'postgres' ? await createTestDatabase() : undefined;
    world = await new VisitsWorld(database?.url).open();
    world.write('1.json', [visit(1), visit(2), visit(3)]);
    told = [];
  });

  afterAll(async () => {
    await world?.close();
    await database?.drop();
  });

  const tasks = (): readonly DataTask[] =>
    world.pipeline.tasks.flatMap((t) => (isDataOperator(t.operator) ? [{ ...t, operator: t.operator }] : []));
  const task = (name: string): DataTask => tasks().find((t) => t.name === name)!;
  const upTo = (name: string): readonly DataTask[] => tasks().slice(0, tasks().findIndex((t) => t.name === name) + 1);

  function open(succeeded: readonly DataTask[] = [], change: Partial<RunOptions> = {}): Promise<RunHandle> {
    world.clock.advance(60_000);
    return openRun({ ...world.options(), progress: (event) => told.push(event), ...change }, succeeded);
  }

  async function carryOut(handle: RunHandle, which: readonly DataTask[]): Promise<readonly string[]> {
    const details: string[] = [];
    for (const t of which) {
      const { detail, resumed } = await handle.runTask(t);
      details.push(`${t.name}: ${detail}${resumed ? ' (resumed)' : ''}`);
    }
    return details;
  }

  test('ends as a run that goes through all tasks at once', async () => {
    const handle = await open();
    await carryOut(handle, tasks());
    const report = await handle.finish();
    await handle.close();
    expect(report).toMatchObject({ outcome: 'published', epoch: 1, batchId: 1 });
    expect(report.deltas.map((d) => [d.table, d.added])).toEqual([
      ['visits', 3],
      ['guests', 3],
    ]);
    expect(await world.visits()).toEqual([1, 2, 3]);
    expect(await world.run()).toMatchObject({ outcome: 'nothing-new', epoch: 1 });
  });

  test('taken up by another holder, it goes through what had succeeded and takes what is there', async () => {
    const first = await open();
    await carryOut(first, upTo('load_visits'));
    await first.close();
    told = [];
    const second = await open(upTo('load_visits'));
    expect(told).toEqual([
      { type: 'note', detail: 'taken up again: 3 tasks that had succeeded gone through once more' },
    ]);
    expect(second.state.batch).toMatchObject({ id: 1, resumed: true });
    await carryOut(second, tasks().slice(3));
    expect(await second.finish()).toMatchObject({ outcome: 'published', epoch: 1, batchId: 1 });
    await second.close();
    expect(await world.visits()).toEqual([1, 2, 3]);
  });

  test('objects that came between two holders are in the publish', async () => {
    const first = await open();
    await carryOut(first, upTo('quality'));
    await first.close();
    world.write('2.json', [visit(4)]);
    const second = await open(upTo('quality'));
    await carryOut(second, [task('publish')]);
    expect(await second.finish()).toMatchObject({ outcome: 'published', batchId: 2 });
    await second.close();
    expect(await world.visits()).toEqual([1, 2, 3, 4]);
  });

  test('a publish whose holder died before it could say so is recognised by its key, and not done twice', async () => {
    await world.run();
    const rebuild = { rebuild: true, publishKey: 'store/7' };
    const first = await open([], rebuild);
    await carryOut(first, tasks());
    await first.close();

    const second = await open(upTo('quality'), rebuild);
    expect(await carryOut(second, [task('publish')])).toEqual(['publish: published before, as epoch 2 (resumed)']);
    expect(await second.finish()).toMatchObject({ outcome: 'published', epoch: 2, deltas: [{ table: 'visits' }, {}] });
    await second.close();

    const other = await open(upTo('quality'), { ...rebuild, publishKey: 'store/8' });
    await carryOut(other, [task('publish')]);
    expect(await other.finish()).toMatchObject({ outcome: 'published', epoch: 3 });
    await other.close();
  });

  test('a selection of tasks is settled, and publishes nothing', async () => {
    const only = { only: ['load_visits'] };
    const first = await open([], only);
    await carryOut(first, upTo('stage_visits'));
    await first.close();
    const second = await open(upTo('stage_visits'), only);
    await carryOut(second, [task('load_visits')]);
    expect(await second.finish()).toMatchObject({ outcome: 'partial', epoch: 0 });
    await second.close();
    expect(await world.run()).toMatchObject({ outcome: 'published', epoch: 1, batchId: 2 });
  });

  test('after a task that threw no other begins, and the failure stands in the batch', async () => {
    const hit = (name: string): void => {
      if (name === 'delta.before') throw new Error('no memory');
    };
    const handle = await open([], { failpoints: { hit } });
    await carryOut(handle, upTo('stage_visits'));
    const error = await handle.runTask(task('load_visits')).catch((e: unknown) => e);
    expect(error).toMatchObject({ message: 'no memory' });
    await expect(handle.runTask(task('load_guests'))).rejects.toMatchObject({ code: 'WAREHOUSE_CONFLICT' });
    await handle.fail(error);
    await handle.close();
    const [batch] = await world.warehouse.read((s) => s.all('select state, stats from sparkify_ledger.batches'));
    expect(batch).toEqual({ state: 'failed', stats: expect.stringContaining('no memory') });
    expect(await world.run()).toMatchObject({ outcome: 'published', batchId: 1 });
  });

  test('a signal interrupts the statement that runs, and its reason is the error', async () => {
    const controller = new AbortController();
    const reason = new SparkifyError('USAGE', { detail: 'enough' });
    const { pipeline } = world;
    const endless = pipeline.tables.map((t) =>
      t.name === 'visits' && t.kind === 'fact'
        ? {
            ...t,
            columns: t.columns.map((c) =>
              c.name === 'place' ? { ...c, sql: '(select count(*) from range(1000000000000))' } : c,
            ),
          }
        : t,
    );
    const slow = {
      ...pipeline,
      tables: endless,
      tasks: pipeline.tasks.map((t) =>
        t.operator.kind === 'load-fact' ? { ...t, operator: { ...t.operator, table: endless[0] as never } } : t,
      ),
    };
    const hit = (name: string): void => {
      if (name === 'delta.before') controller.abort(reason);
    };
    const handle = await open([], { pipeline: slow, failpoints: { hit } });
    await carryOut(handle, upTo('stage_visits'));
    const load = slow.tasks.find((t) => t.name === 'load_visits') as DataTask;
    await expect(handle.runTask(load, { signal: controller.signal })).rejects.toBe(reason);
    await handle.fail(reason);
    await handle.close();
    expect(await world.run()).toMatchObject({ outcome: 'published' });
  });

  test('while it is open, another run of the pipeline waits for it', async () => {
    const handle = await open();
    await carryOut(handle, upTo('load_visits'));
    let heard: () => void = () => {};
    const waits = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const other = world.run({ progress: (e) => void (e.type === 'note' && heard()) });
    await waits;
    await handle.close();
    expect(await other).toMatchObject({ outcome: 'published', epoch: 1 });
  });
});

test('two pipelines of one embedded warehouse run side by side', async () => {
  const world = await new VisitsWorld().open();
  try {
    for (let i = 0; i < 20; i++) world.write(`${i}.json`, [visit(i)]);
    const other = { ...world.pipeline, name: 'calls', schema: 'calls' };
    const [first, second] = await Promise.all([
      runPipeline({ ...world.options(), chunkBytes: 200 }),
      runPipeline({ ...world.options(), pipeline: other, chunkBytes: 200 }),
    ]);
    expect([first.outcome, second.outcome]).toEqual(['published', 'published']);
    expect(await world.rows('calls.visits')).toEqual(await world.rows('visits'));
  } finally {
    await world.close();
  }
});
