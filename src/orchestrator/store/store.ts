import type { Kysely, Transaction } from 'kysely';
import type { StoreEvent } from '../events/event.ts';
import type { StoreTables } from './tables.ts';

export type StoreReader = Kysely<StoreTables>;

/** A value as a statement takes it; flags are 0 or 1, never booleans. */
export type StoreValue = string | number | null;

/** A write transaction; what it emits becomes visible with its commit, in the order of commits. */
export interface StoreTransaction {
  readonly db: Transaction<StoreTables>;
  /** The store's clock, read once at the beginning. */
  readonly nowMs: number;
  readonly capabilities: StoreCapabilities;
  /**
   * The rows of one statement past Kysely, for paths that are gone a thousand times a second: its text, with `$1`, `$2`, …
   * for the values, is prepared once and must therefore be one of few.
   */
  all<Row>(text: string, values?: readonly StoreValue[]): Promise<readonly Row[]>;
  /** As `all`, for a statement without rows; how many rows it changed. */
  run(text: string, values?: readonly StoreValue[]): Promise<number>;
  /**
   * As `run`, for what nobody has to wait for: it is carried out before the next statement, and its error is thrown by it,
   * by one of those that follow, or by the commit.
   */
  send(text: string, values?: readonly StoreValue[]): void;
  emit(event: StoreEvent): void;
}

/** How the engines of the store differ; every difference is named here. */
export interface StoreCapabilities {
  /** `for update skip locked`, several writers at once. */
  readonly skipLocked: boolean;
  /** Wakes up listeners in other processes. */
  readonly notify: boolean;
  /** The table function that reads a JSON array of objects: many rows as one parameter of one unchanging statement. */
  readonly jsonRows: 'json_each' | 'json_to_recordset';
  /** May be opened by several machines. */
  readonly shared: boolean;
}

/** Where runs, cells and events are kept. Statements inside `write` are few and short: the embedded store has one writer. */
export interface Store {
  /** For people: without a password. */
  readonly url: string;
  readonly capabilities: StoreCapabilities;
  /** For reading only; on the embedded store it sees what is committed, also inside of `write`. */
  readonly db: StoreReader;
  /**
   * One transaction, tried again from its beginning when another one was in its way or the connection was lost before the
   * commit: `work` must do nothing but read and write through `tx`. On PostgreSQL it reads what is committed when each
   * statement begins, so what a decision depends on is locked first. Never inside the `work` of another `write`.
   * @throws STORE_UNREACHABLE, STORE_BUSY, STORE_COMMIT_UNKNOWN
   */
  write<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T>;
  /**
   * Calls `wake` after commits that emitted events, of this process and of others (without `notify` within the interval
   * of looking); many commits may be one call. Gives back the end of it.
   */
  onChange(wake: () => void): () => void;
  /** Lets what is under way end first; a second time does nothing. */
  close(): Promise<void>;
}
