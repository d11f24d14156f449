import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import sparkifyPipeline from '../../pipelines/sparkify/index.ts';
import { systemClock } from '../../src/core/clock.ts';
import { noFailpoints } from '../../src/core/failpoints.ts';
import { silentProgress } from '../../src/core/progress.ts';
import { starSchema } from '../../src/operators/create-tables.ts';
import { runPipeline } from '../../src/operators/run.ts';
import { openStore } from '../../src/orchestrator/store/open-store.ts';
import { resolvePipeline } from '../../src/pipeline/define.ts';
import { localFolderSink, simulate } from '../../src/simulator/index.ts';
import { openSource } from '../../src/sources/index.ts';
import { tableChecksum } from '../../src/warehouse/checksum.ts';
import { openWarehouse } from '../../src/warehouse/open.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';

const DAY_MS = 86_400_000;
const FROM_MS = Date.UTC(2018, 10, 1);
const child = fileURLToPath(new URL('node-child.mjs', import.meta.url));

/** Simulated days, and places where nodes run their schedule. */
export interface Days {
  readonly directory: string;
  readonly count: number;
  /** Checksum of every table after one undisturbed run over all days. */
  readonly undisturbed: Readonly<Record<string, string>>;
  /** The star in a warehouse. */
  star(url: string, segments: string): Promise<Readonly<Record<string, string>>>;
  dispose(): Promise<void>;
}

export async function simulateDays(count: number, seed: number): Promise<Days> {
  const directory = await mkdtemp(join(tmpdir(), 'sparkify-days-'));
  const to = new Date(FROM_MS + count * DAY_MS).toISOString().slice(0, 10);
  await simulate({ seed, users: 60, songs: 150, from: '2018-11-01', to }, localFolderSink(directory));
  const pipeline = resolvePipeline(sparkifyPipeline, {
    logData: join(directory, 'log_data'),
    songData: join(directory, 'song_data'),
  });
  const open = (url: string, segmentsDirectory: string): Promise<Warehouse> =>
    openWarehouse(url, { cwd: directory, segmentsDirectory, threads: 1 });
  const starOf = async (warehouse: Warehouse): Promise<Readonly<Record<string, string>>> =>
    warehouse.read(async (session) => {
      const sums: Record<string, string> = {};
      for (const t of pipeline.tables) {
        const { rows, checksum } = await tableChecksum(session, warehouse.dialect, {
          schema: starSchema(warehouse, pipeline),
          table: t.name,
          columns: t.columns,
        });
        sums[t.name] = `${rows} ${checksum}`;
      }
      return sums;
    });
  const reference = await open('duckdb:reference.duckdb', '');
  await runPipeline({
    pipeline,
    warehouse: reference,
    openSource: (root) => openSource(root, { cwd: directory }),
    interval: { startMs: FROM_MS, endMs: FROM_MS + count * DAY_MS },
    clock: systemClock,
    failpoints: noFailpoints,
    progress: silentProgress,
    signal: new AbortController().signal,
    workers: 0,
  });
  const undisturbed = await starOf(reference);
  await reference.close();
  return {
    directory,
    count,
    undisturbed,
    star: async (url, segments) => {
      const warehouse = await open(url, segments);
      try {
        return await starOf(warehouse);
      } finally {
        await warehouse.close();
      }
    },
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
}

export interface NodePlace {
  /** All days by their schedule, or by one backfill, newest first, three days a run. */
  readonly mode: 'schedule' | 'backfill';
  readonly store: string;
  readonly warehouse: string;
  readonly segments: string;
  readonly leaseMs: number;
}

/** A process with a node. */
export class NodeProcess {
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  readonly lines: string[] = [];
  readonly ready: Promise<void>;
  done = false;

  constructor(days: Days, place: NodePlace, role: 'up' | 'worker') {
    const config = {
      ...place,
      role,
      directory: days.directory,
      fromMs: FROM_MS,
      toMs: FROM_MS + days.count * DAY_MS,
    };
    this.#process = spawn(process.execPath, [child, JSON.stringify(config)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let ready: () => void = () => {};
    this.ready = new Promise((resolve) => {
      ready = resolve;
    });
    for (const stream of [this.#process.stdout!, this.#process.stderr!])
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line);
        if (line === 'ready') ready();
        if (line === 'done') this.done = true;
      });
    this.#exited = new Promise((resolve) => {
      this.#process.on('close', () => {
        ready();
        resolve();
      });
    });
  }

  /** Until it has ended by itself, or for so long. */
  async within(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const time = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([this.#exited, time]);
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  exited(): Promise<void> {
    return this.#exited;
  }

  get hasExited(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }
}

/** What must hold in the store and the ledger when all is over: each cell ended once, and was published once. */
export async function outcomes(place: NodePlace, days: Days): Promise<Readonly<Record<string, unknown>>> {
  const store = await openStore(place.store);
  const warehouse = await openWarehouse(place.warehouse, {
    cwd: days.directory,
    segmentsDirectory: place.segments,
    threads: 1,
  });
  try {
    const runs = await store.db
      .selectFrom('runs')
      .select(['start_ms', 'state', 'error_json'])
      .orderBy('start_ms')
      .execute();
    const twice = await store.db
      .selectFrom('attempts')
      .select(['task_id', (eb) => eb.fn.countAll<number>().as('n')])
      .where('state', '=', 'succeeded')
      .groupBy('task_id')
      .having((eb) => eb.fn.countAll(), '>', 1)
      .execute();
    const cells = await store.db
      .selectFrom('cells')
      .select('state')
      .where('task', '=', 'publish')
      .where('state', '=', 'succeeded')
      .execute();
    const batches = await warehouse.read((s) =>
      s.all<{ n: number; intervals: number }>(
        "select count(*) as n, count(distinct start_ms) as intervals from sparkify_ledger.batches where state = 'published'",
      ),
    );
    const open = await store.db.selectFrom('tasks').select('id').where('state', '=', 'running').execute();
    return {
      runs: runs.length,
      states: [...new Set(runs.map((r) => r.state))],
      errors: runs.flatMap((r) => (r.error_json === null ? [] : [r.error_json])),
      endedTwice: twice.length,
      publishedCells: cells.length,
      publishes: Number(batches[0]!.n),
      publishedIntervals: Number(batches[0]!.intervals),
      running: open.length,
    };
  } finally {
    await warehouse.close();
    await store.close();
  }
}

export function expectedOutcomes({ mode }: NodePlace, { count }: Days): Readonly<Record<string, unknown>> {
  const runs = mode === 'schedule' ? count : Math.ceil(count / 3);
  return {
    runs,
    states: ['succeeded'],
    errors: [],
    endedTwice: 0,
    publishedCells: count,
    publishes: runs,
    publishedIntervals: runs,
    running: 0,
  };
}
