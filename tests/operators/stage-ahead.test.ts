import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  chain,
  col,
  createTables,
  definePipeline,
  fact,
  loadFact,
  publish,
  quality,
  read,
  resolvePipeline,
  stage,
  staging,
  z,
} from 'sparkify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fixedClock } from '../../src/core/clock.ts';
import { SparkifyError } from '../../src/core/errors.ts';
import { noFailpoints } from '../../src/core/failpoints.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { type DataTask, isDataOperator } from '../../src/operators/data-task.ts';
import { openRun, type RunHandle } from '../../src/operators/open-run.ts';
import { runPipeline } from '../../src/operators/run.ts';
import type { RunOptions } from '../../src/operators/run-state.ts';
import { openSource } from '../../src/sources/index.ts';
import type { Listing, Source } from '../../src/sources/source.ts';
import { openWarehouse } from '../../src/warehouse/open.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import { createTestDatabase, type TestDatabase } from '../postgres-server/database.ts';

const events = (name: string, root: string) =>
  staging(`staging_${name}`, {
    doc: name,
    root: `${root}/${name}`,
    columns: {
      n: read.integer({ required: true, doc: 'Number.' }),
      ts: read.epochMs({ required: true, doc: 'When.' }),
    },
    key: ['n'],
    eventTime: 'ts',
  });
const table = (name: string, from: ReturnType<typeof events>) =>
  fact(name, {
    doc: name,
    from,
    columns: { n: col.bigint({ sql: 'r.n', nullable: false, doc: 'Number.' }) },
    key: ['n'],
  });

/** Two sources, a table of each. */
const pair = definePipeline({
  name: 'pair',
  params: z.object({ root: z.string() }),
  define: ({ root }) => {
    const [left, right] = [events('left', root), events('right', root)];
    const tables = [table('lefts', left), table('rights', right)];
    return {
      stagings: [left, right],
      tables,
      tasks: chain(
        createTables(),
        [stage(left), stage(right)],
        ...tables.map((t) => loadFact(t)),
        quality(),
        publish(),
      ),
    };
  },
});

describe.each(['duckdb', 'postgres'] as const)('a staging that is begun beside another, on %s', (engine) => {
  let directory: string;
  let database: TestDatabase | undefined;
  let warehouse: Warehouse;
  let told: ProgressEvent[];
  /** What happens when a source is listed. */
  let onList: (side: string, list: () => Promise<Listing>, signal: AbortSignal) => Promise<Listing>;
  const clock = fixedClock(Date.UTC(2025, 0, 1));

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sparkify-ahead-'));
    database = engine === 'postgres' ? await createTestDatabase() : undefined;
    const segmentsDirectory = join(directory, 'segments');
    warehouse = await openWarehouse(database?.url ?? 'duckdb:w.db', { cwd: directory, segmentsDirectory, threads: 1 });
    told = [];
    onList = (_, list) => list();
    put('left', [1, 2]);
    put('right', [3, 4, 5]);
  });

  afterEach(async () => {
    await warehouse.close();
    await database?.drop();
    rmSync(directory, { recursive: true, force: true });
  });

  function put(side: string, numbers: readonly number[]): void {
    mkdirSync(join(directory, side), { recursive: true });
    const lines = numbers.map((n) => JSON.stringify({ n, ts: Date.UTC(2024, 0, 1) + n }));
    writeFileSync(join(directory, side, `${numbers.join('-')}.json`), lines.join('\n'));
  }
  const options = (change: Partial<RunOptions> = {}): RunOptions => ({
    pipeline: resolvePipeline(pair, { root: directory }),
    warehouse,
    openSource: async (root) => {
      const source = await openSource(root, { cwd: directory });
      return { ...source, list: (o) => onList(root.split('/').at(-1)!, () => source.list(o), o.signal!) } as Source;
    },
    clock,
    failpoints: noFailpoints,
    progress: (event) => told.push(event),
    signal: new AbortController().signal,
    workers: 0,
    ...change,
  });
  const open = (change: Partial<RunOptions> = {}): Promise<RunHandle> => openRun(options(change));
  const task = (name: string): DataTask => {
    const found = options().pipeline.tasks.find((t) => t.name === name)!;
    if (!isDataOperator(found.operator)) throw new Error(name);
    return { ...found, operator: found.operator };
  };
  const rest = async (handle: RunHandle): Promise<void> => {
    for (const name of ['load_lefts', 'load_rights', 'quality', 'publish']) await handle.runTask(task(name));
  };
  const numbers = async (): Promise<readonly number[]> => {
    const rows = await warehouse.read((s) =>
      s.all<{ n: number }>('select n from lefts union all select n from rights order by 1'),
    );
    return rows.map((r) => Number(r.n));
  };

  test('is read while the other is, and counts at its turn', async () => {
    const listed: string[] = [];
    let release = (): void => undefined;
    const bothListed = new Promise<void>((resolve) => {
      release = resolve;
    });
    onList = async (side, list) => {
      listed.push(side);
      if (listed.length === 2) release();
      // Neither ends before both have begun.
      await bothListed;
      if (side === 'left') await sleep(50);
      return list();
    };
    const handle = await open();
    await handle.runTask(task('create_tables'));
    const left = await handle.runTask(task('stage_left'), { ahead: [task('stage_right')] });
    expect(listed).toEqual(['left', 'right']);
    expect(left.detail).toBe('2 records from 1 of 1 objects');
    expect([...handle.state.stages.keys()]).toEqual(['staging_left']);
    const right = await handle.runTask(task('stage_right'), { ahead: [task('stage_left')] });
    expect(right.detail).toBe('3 records from 1 of 1 objects; read beside stage_left');
    expect(listed).toEqual(['left', 'right']);
    await rest(handle);
    expect(await handle.finish()).toMatchObject({ outcome: 'published' });
    await handle.close();
    expect(await numbers()).toEqual([1, 2, 3, 4, 5]);
    // Whichever was read first: what has a number got it in the order of the tasks.
    const recorded = await warehouse.read((session) =>
      session.all<{ staging: string }>('select staging from sparkify_ledger.objects order by object_id'),
    );
    expect(recorded.map((r) => r.staging)).toEqual(['staging_left', 'staging_right']);
    expect(await runPipeline(options())).toMatchObject({ outcome: 'nothing-new' });
  });

  test('tells what it found when its turn has come', async () => {
    const odd = JSON.stringify({ n: 9, ts: Date.UTC(2024, 0, 1), other: 1 });
    writeFileSync(join(directory, 'right', 'odd.json'), odd);
    const handle = await open();
    await handle.runTask(task('stage_left'), { ahead: [task('stage_right')] });
    await sleep(50);
    expect(told.filter((e) => e.type === 'warning' || e.type === 'note')).toEqual([]);
    await handle.runTask(task('stage_right'));
    expect(told.filter((e) => e.type === 'warning' || e.type === 'note')).toHaveLength(1);
    expect(JSON.stringify(told)).toContain('other');
    await handle.close();
  });

  test('that fails does so at its own turn, and what was read stays', async () => {
    onList = (side, list) =>
      side === 'right'
        ? Promise.reject(new SparkifyError('SOURCE_UNREADABLE', { object: 'right', detail: 'a test' }))
        : list();
    const failing = await open();
    await failing.runTask(task('create_tables'));
    const left = await failing.runTask(task('stage_left'), { ahead: [task('stage_right')] });
    expect(left.detail).toContain('2 records');
    const error = await failing.runTask(task('stage_right')).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'SOURCE_UNREADABLE' });
    await failing.fail(error);
    await failing.close();
    onList = (_, list) => list();
    expect(await runPipeline(options())).toMatchObject({ outcome: 'published' });
    expect(await numbers()).toEqual([1, 2, 3, 4, 5]);
  });

  test('is given up when the other fails', async () => {
    let listing = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      listing = resolve;
    });
    onList = async (side) => {
      if (side === 'left') {
        await begun;
        throw new SparkifyError('SOURCE_UNREADABLE', { object: 'left', detail: 'a test' });
      }
      listing();
      await sleep(100);
      throw new Error('it was listed in vain');
    };
    const handle = await open();
    await handle.runTask(task('create_tables'));
    const error = await handle.runTask(task('stage_left'), { ahead: [task('stage_right')] }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'SOURCE_UNREADABLE' });
    await handle.fail(error);
    await handle.close();
    onList = (_, list) => list();
    expect(await runPipeline(options())).toMatchObject({ outcome: 'published' });
    expect(await numbers()).toEqual([1, 2, 3, 4, 5]);
  });

  test('whose turn never comes adds nothing to the run; the next one has it', async () => {
    const handle = await open();
    await handle.runTask(task('create_tables'));
    await handle.runTask(task('stage_left'), { ahead: [task('stage_right')] });
    await rest(handle);
    await handle.finish();
    await handle.close();
    expect(await numbers()).toEqual([1, 2]);
    const next = await runPipeline(options());
    expect(next).toMatchObject({ outcome: 'published' });
    expect(await numbers()).toEqual([1, 2, 3, 4, 5]);
  });

  test('ends when its own task is told to stop', async () => {
    onList = (side, list, signal) =>
      side === 'right'
        ? // Only the signal ends it.
          new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))))
        : list();
    const handle = await open();
    await handle.runTask(task('stage_left'), { ahead: [task('stage_right')] });
    const stop = new AbortController();
    const turn = handle.runTask(task('stage_right'), { signal: stop.signal }).catch((e: unknown) => e);
    await sleep(20);
    stop.abort(new SparkifyError('RUN_CANCELLED', { run: 1 }));
    expect(await turn).toMatchObject({ code: 'RUN_CANCELLED' });
    await handle.close();
  });

  test('may be begun by one that was itself begun beside another task', async () => {
    const handle = await open();
    await handle.runTask(task('create_tables'), { ahead: [task('stage_left')] });
    const left = await handle.runTask(task('stage_left'), { ahead: [task('stage_right')] });
    expect(left.detail).toBe('2 records from 1 of 1 objects; read beside create_tables');
    const right = await handle.runTask(task('stage_right'));
    expect(right.detail).toBe('3 records from 1 of 1 objects; read beside stage_left');
    await rest(handle);
    await handle.finish();
    await handle.close();
    expect(await numbers()).toEqual([1, 2, 3, 4, 5]);
  });

  test('is begun by a run that goes through all tasks, too', async () => {
    const listed: string[] = [];
    onList = async (side, list) => {
      listed.push(side);
      return list();
    };
    await runPipeline(options());
    expect(listed.sort()).toEqual(['left', 'right']);
    const { detail } = told.find((e) => e.type === 'task.succeeded' && e.task === 'stage_right') as { detail: string };
    expect(detail).toBe('3 records from 1 of 1 objects; read beside create_tables');
    expect(await numbers()).toEqual([1, 2, 3, 4, 5]);
  });
});
