import type { Kysely, Transaction } from 'kysely';
import type { StoreEvent } from '../events/event.ts';
import type { StoreTables } from './tables.ts';

export type StoreReader = Kysely<StoreTables>;

/** A write transaction; what it emits becomes visible with its commit, in the order of commits. */
export interface StoreTransaction {
  readonly db: Transaction<StoreTables>;
  /** The store's clock, read once at the beginning. */
  readonly nowMs: number;
  readonly capabilities: StoreCapabilities;
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
  readonly db: StoreReader;
  /**
   * One transaction, tried again when the engine says that another one was in its way.
   * @throws STORE_UNREACHABLE, STORE_COMMIT_UNKNOWN
   */
  write<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T>;
  /** Calls `wake` after commits that emitted events, of this process and (with `notify`) of others; gives back the end of it. */
  onChange(wake: () => void): () => void;
  close(): Promise<void>;
}
