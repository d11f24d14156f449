import type { Staging, StarTable } from '../pipeline/tables.ts';
import type { Owner, SegmentStore } from '../segments/store.ts';
import type { Capabilities } from './capabilities.ts';
import type { Dialect } from './dialect.ts';
import type { DuckDatabase } from './duckdb/database.ts';
import type { SqlSession } from './session.ts';

/** A table in the warehouse and its columns, in order. */
export interface TableRef {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly string[];
}

/**
 * A place the star lives in. The star's deltas are computed in `compute`, a DuckDB: the warehouse itself when it is
 * embedded, else a local mirror that is brought up from the warehouse's ledger; the warehouse then applies them.
 */
export interface Warehouse {
  /** For people: without a password. */
  readonly url: string;
  readonly capabilities: Capabilities;
  readonly dialect: Dialect;
  readonly compute: DuckDatabase;
  /** Where its Parquet segments last. */
  readonly segments: SegmentStore;
  /** Tells it from every other warehouse, and from copies of it. */
  identity(): Promise<Owner>;
  /** One read-only snapshot transaction. */
  read<T>(work: (session: SqlSession) => Promise<T>): Promise<T>;
  /**
   * One transaction; rolled back when `work` throws.
   * @throws COMMIT_UNKNOWN when the connection was lost while committing
   */
  transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T>;
  /** Loads the rows of a SELECT that `compute` evaluates into a table, within `session`'s transaction; the number of rows. */
  load(session: SqlSession, table: TableRef, select: string): Promise<number>;
  /**
   * Holds the pipeline for one run at a time, over processes; says who has it while it waits. Where several processes may
   * have the warehouse, one that is found superseded loses the lock, and its connections with it.
   */
  lockPipeline(
    pipeline: string,
    options: {
      readonly onWait: (holder: string) => void;
      readonly signal?: AbortSignal;
      readonly isSuperseded?: (holder: { readonly host: string; readonly pid: number }) => Promise<boolean>;
    },
  ): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** What DDL is made of. */
export type AnyTable = Staging | StarTable;
