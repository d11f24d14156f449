import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { literal } from '../../core/quoting.ts';
import { translateOpenError } from './errors.ts';
import { DuckSession } from './session.ts';

export interface DuckDatabaseOptions {
  /** A file, created when missing together with its folder, or `:memory:`. */
  readonly path: string;
  /** @default false */
  readonly readOnly?: boolean;
  /** For example `512MB`. @default DuckDB's own */
  readonly memoryLimit?: string;
  /** @default the cores */
  readonly threads?: number;
  /** Where it spills to. @default beside the file */
  readonly tempDirectory?: string;
  /** With a list, no path outside these folders can be read or written by SQL. */
  readonly onlyDirectories?: readonly string[];
}

/** An open DuckDB. Connections share it; the file is locked by this process until `close`. */
export class DuckDatabase {
  readonly path: string;
  readonly #instance: DuckDBInstance;
  #lastTransaction: Promise<unknown> = Promise.resolve();

  private constructor(path: string, instance: DuckDBInstance) {
    this.path = path;
    this.#instance = instance;
  }

  /** @throws WAREHOUSE_BUSY, WAREHOUSE_INVALID, WAREHOUSE_OPEN_FAILED */
  static async open(options: DuckDatabaseOptions): Promise<DuckDatabase> {
    const inMemory = options.path === ':memory:';
    const settings: Record<string, string> = {};
    if (options.readOnly === true) settings.access_mode = 'READ_ONLY';
    else settings.storage_compatibility_version = 'latest';
    if (options.memoryLimit !== undefined) settings.memory_limit = options.memoryLimit;
    if (options.threads !== undefined) settings.threads = String(options.threads);
    if (options.tempDirectory !== undefined) settings.temp_directory = options.tempDirectory;
    try {
      if (!inMemory && options.readOnly !== true) mkdirSync(dirname(options.path), { recursive: true });
      const database = new DuckDatabase(options.path, await openInstance(options.path, settings));
      const session = await database.connect();
      // Extensions are downloads; nothing here may depend on, or try, one. A table made in the transaction that reads it
      // counts as empty for the planner, which would then join it to objects as-of by a quadratic loop.
      await session.exec(
        "set autoinstall_known_extensions = false; set autoload_known_extensions = false; set checkpoint_threshold = '64MB'; set global asof_loop_join_threshold = 0",
      );
      if (options.onlyDirectories !== undefined) {
        await session.exec(
          `set allowed_directories = [${options.onlyDirectories.map(literal).join(', ')}]; set enable_external_access = false; set lock_configuration = true`,
        );
      }
      session.close();
      return database;
    } catch (error) {
      throw translateOpenError(error, options.path);
    }
  }

  async connect(): Promise<DuckSession> {
    return new DuckSession(await this.#instance.connect());
  }

  /**
   * Runs `work` in one transaction on a connection of its own. Transactions of this process follow one another: where two
   * write the same row, DuckDB ends the second at once instead of letting it wait.
   */
  transaction<T>(work: (session: DuckSession) => Promise<T>): Promise<T> {
    const turn = this.#lastTransaction.then(() => this.#transact(work));
    this.#lastTransaction = turn.catch(() => undefined);
    return turn;
  }

  async #transact<T>(work: (session: DuckSession) => Promise<T>): Promise<T> {
    const session = await this.connect();
    try {
      await session.exec('begin transaction');
      try {
        const result = await work(session);
        await session.exec('commit');
        return result;
      } catch (error) {
        await session.exec('rollback').catch(() => undefined);
        throw error;
      }
    } finally {
      session.close();
    }
  }

  close(): void {
    this.#instance.closeSync();
  }
}

/**
 * DuckDB's lock on a file keeps other processes out, but not this one, where a second opening would spoil the file; the
 * driver's cache makes a second opening share the first.
 */
function openInstance(path: string, settings: Record<string, string>): Promise<DuckDBInstance> {
  return path === ':memory:' ? DuckDBInstance.create(path, settings) : DuckDBInstance.fromCache(path, settings);
}
