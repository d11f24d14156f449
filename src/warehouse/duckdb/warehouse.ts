import { existsSync } from 'node:fs';
import { SparkifyError } from '../../core/errors.ts';
import { identList, qualified } from '../../core/quoting.ts';
import { folderSegments } from '../../segments/folder.ts';
import type { Owner, SegmentStore } from '../../segments/store.ts';
import type { Capabilities } from '../capabilities.ts';
import type { SqlSession } from '../session.ts';
import type { TableRef, Warehouse } from '../warehouse.ts';
import { DuckDatabase } from './database.ts';
import { duckdbDialect } from './dialect.ts';

export interface EmbeddedWarehouseOptions {
  /** Absolute path of the file; its segments lie in `PATH.segments`. */
  readonly path: string;
  /** SQL then reads the tables and the segments, and can write or reach nothing else. @default false */
  readonly readOnly?: boolean;
  /** For example `512MB`. @default DuckDB's own */
  readonly memoryLimit?: string;
  /** @default the cores */
  readonly threads?: number;
}

export const embeddedCapabilities: Capabilities = {
  embedded: true,
  stagingInPlace: true,
  swapTables: true,
  concurrentProcesses: false,
  primaryKeys: false,
  parallelLoads: 1,
};

/**
 * Opens the embedded warehouse, a DuckDB file with its folder of segments; the file is created when it is missing.
 * @throws WAREHOUSE_BUSY, WAREHOUSE_INVALID, WAREHOUSE_OPEN_FAILED
 */
export async function openEmbeddedWarehouse(options: EmbeddedWarehouseOptions): Promise<Warehouse> {
  const { path, readOnly = false, ...limits } = options;
  const segmentsDirectory = `${path}.segments`;
  if (readOnly && !existsSync(path))
    throw new SparkifyError('WAREHOUSE_OPEN_FAILED', { target: path, detail: 'there is no such file' });
  const database = await DuckDatabase.open({
    path,
    ...limits,
    ...(readOnly ? { readOnly, onlyDirectories: [segmentsDirectory] } : {}),
  });
  return new EmbeddedWarehouse(database, segmentsDirectory);
}

class EmbeddedWarehouse implements Warehouse {
  readonly url: string;
  readonly capabilities = embeddedCapabilities;
  readonly dialect = duckdbDialect;
  readonly compute: DuckDatabase;
  readonly segments: SegmentStore;
  /** Per pipeline: ends when its holder lets go. The file's own lock keeps other processes out. */
  readonly #held = new Map<string, Promise<void>>();

  constructor(database: DuckDatabase, segmentsDirectory: string) {
    this.compute = database;
    this.url = `duckdb:${database.path}`;
    this.segments = folderSegments(segmentsDirectory);
  }

  async identity(): Promise<Owner> {
    return { id: this.url, shown: this.url };
  }

  async read<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    const session = await this.compute.connect();
    try {
      await session.exec('begin transaction read only');
      return await work(session);
    } finally {
      await session.exec('rollback').catch(() => undefined);
      session.close();
    }
  }

  transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.compute.transaction(work);
  }

  load(session: SqlSession, table: TableRef, select: string): Promise<number> {
    return session.exec(`insert into ${qualified(table.schema, table.name)} (${identList(table.columns)}) ${select}`);
  }

  async lockPipeline(
    pipeline: string,
    options: { readonly onWait: (holder: string) => void; readonly signal?: AbortSignal },
  ): Promise<() => Promise<void>> {
    options.signal?.throwIfAborted();
    let told = false;
    for (let held = this.#held.get(pipeline); held !== undefined; held = this.#held.get(pipeline)) {
      if (!told) options.onWait(`another run in this process (${process.pid})`);
      told = true;
      await orAborted(held, options.signal);
    }
    let release: () => void = () => {};
    const holding = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#held.set(pipeline, holding);
    return async () => {
      if (this.#held.get(pipeline) === holding) this.#held.delete(pipeline);
      release();
    };
  }

  async close(): Promise<void> {
    this.compute.close();
  }
}

async function orAborted(waited: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return waited;
  let abort: () => void = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    await Promise.race([waited, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
