import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { armedFailpoint } from '../../src/core/failpoints.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { checkHistory } from '../../src/ledger/checks.ts';
import { ledgerTables } from '../../src/ledger/schema.ts';
import { sequentialExecutor } from '../../src/operators/executor.ts';
import { runPipeline } from '../../src/operators/run.ts';
import type { RunOptions, RunReport } from '../../src/operators/run-state.ts';
import { type Check, check } from '../../src/pipeline/check.ts';
import type { ResolvedPipeline } from '../../src/pipeline/define.ts';
import { call } from '../../src/pipeline/function-tasks.ts';
import type { TaskDeclaration } from '../../src/pipeline/task.ts';
import { resolveTaskOptions } from '../../src/pipeline/task-options.ts';
import type { Row } from '../../src/warehouse/session.ts';
import { VisitsWorld, visit } from '../operators/visits.ts';
import { createTestDatabase, type TestDatabase } from '../postgres-server/database.ts';
import { useQuickDirectory } from '../property/quick-directory.ts';

type Finished = Extract<ProgressEvent, { type: 'task.succeeded' }>;

describe.each(['duckdb', 'postgres'] as const)('a run that failed at one task, on %s', (engine) => {
  let database: TestDatabase | undefined;
  let world: VisitsWorld;
  let finished: Finished[];

  beforeAll(useQuickDirectory);

  beforeEach(async () => {
    await world?.close();
    await database?.drop();
    database = engine === 'postgres' ? await createTestDatabase() : undefined;
    world = await new VisitsWorld(database?.url).open();
    world.write('1.json', [visit(1), visit(2), visit(3)]);
    await world.run();
    world.write('2.json', [visit(4, { guest: 'new' }), visit(5)]);
  });

  afterAll(async () => {
    await world?.close();
    await database?.drop();
  });

  /** Runs and notes which tasks succeeded. */
  async function run(change: Partial<RunOptions> = {}): Promise<RunReport> {
    finished = [];
    world.clock.advance(60_000);
    const progress = (event: ProgressEvent): void => {
      if (event.type === 'task.succeeded') finished.push(event);
    };
    return runPipeline({ ...world.options(), progress, ...change }, sequentialExecutor);
  }

  const resumed = (): readonly string[] => finished.filter((f) => f.resumed === true).map((f) => f.task);
  const detailOf = (task: string): string => finished.find((f) => f.task === task)?.detail ?? 'did not succeed';
  const star = async (): Promise<unknown> => [await world.rows('visits'), await world.rows('guests')];

  /** The ledger's rows but for when something was last looked at. */
  async function ledgerRows(): Promise<Readonly<Record<string, readonly Row[]>>> {
    return world.warehouse.read(async (s) => {
      const found: Record<string, readonly Row[]> = {};
      for (const { name, columns, key } of ledgerTables) {
        const kept = Object.keys(columns).filter((c) => c !== 'seq' && c !== 'looked_at_ms');
        found[name] = await s.all(`select ${kept.join(', ')} from sparkify_ledger.${name} order by ${key.join(', ')}`);
      }
      return found;
    });
  }

  const withChecks = (extra: readonly Check[]): ResolvedPipeline => ({
    ...world.pipeline,
    checks: [...world.pipeline.checks, ...extra],
  });

  function withTask(after: string, declared: TaskDeclaration): ResolvedPipeline {
    const { tasks } = world.pipeline;
    const task = { ...declared, options: resolveTaskOptions(declared.name, declared.given, {}) };
    const at = tasks.findIndex((t) => t.name === after) + 1;
    const rest = tasks.slice(at).map((t, i) => (i === 0 ? { ...t, after: [...t.after, task.name] } : t));
    return { ...world.pipeline, tasks: [...tasks.slice(0, at), { ...task, after: [after] }, ...rest] };
  }

  test('by a check: the star stays, batch and verdicts are kept, and it goes on from there', async () => {
    const before = await star();
    const few = check.rowCount('visits', { max: 4 });
    const failing = { pipeline: withChecks([few]) };
    await expect(run(failing)).rejects.toMatchObject({ code: 'CHECKS_FAILED' });
    expect(await star()).toEqual(before);
    const batches = (await ledgerRows()).batches!;
    expect(batches.map((b) => b.state)).toEqual(['published', 'failed']);
    expect(JSON.parse(String(batches[1]!.stats))).toMatchObject({ error: { code: 'CHECKS_FAILED' } });
    const history = await world.warehouse.read((s) => checkHistory(s, 'visits', { name: few.name }));
    expect(history).toMatchObject([{ verdict: 'failed', batch_id: 2, actual: expect.stringContaining('5') }]);

    // The same again: the deltas are taken over, the verdict is a second one.
    await expect(run(failing)).rejects.toMatchObject({ code: 'CHECKS_FAILED' });
    expect(resumed()).toEqual(['load_visits', 'load_guests']);
    expect(detailOf('stage_visits')).toBe('1 object was staged by an earlier run');
    expect(await world.warehouse.read((s) => checkHistory(s, 'visits', { name: few.name }))).toHaveLength(2);

    // The check is corrected; nothing but it and the publish is done.
    const report = await run({ pipeline: withChecks([check.rowCount('visits', { max: 5 })]) });
    expect(report).toMatchObject({ outcome: 'published', epoch: 2, batchId: 2 });
    expect(resumed()).toEqual(['load_visits', 'load_guests']);
    expect(await world.visits()).toEqual([1, 2, 3, 4, 5]);
    expect((await ledgerRows()).batches!.map((b) => b.state)).toEqual(['published', 'published']);
  });

  test('by a function that throws: it is called again, with the same key, and what was before it is kept', async () => {
    const keys: string[] = [];
    const [task] = call('tell_others', ({ idempotencyKey }) => {
      keys.push(idempotencyKey);
      if (keys.length === 1) throw new Error('they do not answer');
    }).tasks;
    const pipeline = withTask('load_visits', task!);
    await expect(run({ pipeline })).rejects.toThrow('they do not answer');
    expect(await world.visits()).toEqual([1, 2, 3]);
    expect(await run({ pipeline })).toMatchObject({ outcome: 'published', epoch: 2, batchId: 2 });
    expect(resumed()).toEqual(['load_visits']);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
    expect(await world.visits()).toEqual([1, 2, 3, 4, 5]);
  });

  test('by a load that fails: the loads before it are kept, that one is done again', async () => {
    const failpoints = armedFailpoint('delta.before:2', () => {
      throw new Error('no memory');
    });
    await expect(run({ failpoints })).rejects.toThrow('no memory');
    expect(finished.map((f) => f.task)).toEqual(['create_tables', 'stage_visits', 'load_visits']);
    expect(await run()).toMatchObject({ outcome: 'published', epoch: 2, batchId: 2 });
    expect(resumed()).toEqual(['load_visits']);
    expect(detailOf('load_guests')).toBe('1 added, 1 changed');
    expect(await world.visits()).toEqual([1, 2, 3, 4, 5]);
  });

  test('by another state of the source: what was computed for the old one is not taken', async () => {
    await expect(run({ pipeline: withChecks([check.rowCount('visits', { max: 4 })]) })).rejects.toMatchObject({
      code: 'CHECKS_FAILED',
    });
    world.write('3.json', [visit(6)]);
    expect(await run()).toMatchObject({ outcome: 'published', epoch: 2, batchId: 3 });
    expect(resumed()).toEqual([]);
    expect((await ledgerRows()).batches!.map((b) => b.state)).toEqual(['published', 'superseded', 'published']);
    expect(await world.visits()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('a second identical run changes nothing, and says so', async () => {
    await run();
    const [before, ledgerBefore] = [await star(), await ledgerRows()];
    expect(await run()).toMatchObject({ outcome: 'nothing-new', epoch: 2, batchId: undefined });
    expect(detailOf('publish')).toBe('nothing new: the star is as it was');
    expect([await star(), await ledgerRows()]).toEqual([before, ledgerBefore]);
  });
});
