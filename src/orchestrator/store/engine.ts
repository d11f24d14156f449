import type { Kysely } from 'kysely';
import type { StoreEvent } from '../events/event.ts';
import type { StoreCapabilities, StoreReader, StoreValue } from './store.ts';
import type { StoreTables } from './tables.ts';

/** One connection past Kysely; texts have `$1`, `$2`, … and are prepared once. */
export interface StatementRunner {
  all<Row>(text: string, values?: readonly StoreValue[]): Promise<readonly Row[]>;
  run(text: string, values?: readonly StoreValue[]): Promise<number>;
  /** As `run`, not waited for: of an engine behind a wire, the next statement or the commit throws its error. */
  send(text: string, values?: readonly StoreValue[]): void;
}

/** A connection of the writer within a transaction. */
export interface WritingConnection extends StatementRunner {
  /** The time of the engine's machine at the beginning of the transaction. */
  readonly engineNowMs: number;
  /** Inserts events as the last statement of the transaction, in the order of commits. */
  insertEvents(events: readonly StoreEvent[], atMs: number): Promise<void>;
}

/** What differs between the engines behind `Store`. Errors that leave it are translated. */
export interface StoreEngine {
  /** For people. */
  readonly url: string;
  readonly capabilities: StoreCapabilities;
  readonly reader: StoreReader;
  /** Its transactions run on a `WritingConnection`. */
  readonly writer: Kysely<StoreTables>;
  readonly words: SchemaWords;
  /** Statements of one transaction that make the tables `migrations` and `commits`; may be run at any time, by several at once. */
  readonly beginnings: readonly string[];
  /** Tells when others have changed something; gives back the end of it. */
  watch(changed: () => void): () => void;
  close(): Promise<void>;
}

/** How the migrations name types: every table is the same otherwise. */
export interface SchemaWords {
  readonly engine: 'sqlite' | 'postgres';
  /** A whole number that the engine gives out, never twice. */
  readonly id: string;
  readonly integer: string;
  /** Compared byte by byte. */
  readonly text: string;
  /** After a table's closing bracket; `keyed`: of tables without an id; `busy`: of tables whose rows change all the time. */
  readonly table: string;
  readonly keyed: string;
  readonly busy: string;
}
