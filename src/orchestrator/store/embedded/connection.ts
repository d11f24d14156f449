import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import Database from 'libsql';
import { SparkifyError } from '../../../core/errors.ts';
import type { StoreEvent } from '../../events/event.ts';
import type { WritingConnection } from '../engine.ts';
import { eventValues, INSERT_EVENT } from '../event-rows.ts';
import type { StoreValue } from '../store.ts';
import { translateSqliteError } from './errors.ts';

interface Prepared {
  readonly statement: Database.Statement;
  readonly reads: boolean;
  /** How many values its `$n` ask for. */
  readonly values: number;
}

interface Outcome {
  readonly rows: unknown[];
  readonly changes: number;
}

/** Texts that are kept prepared; preparing costs about as much as carrying out. */
const MAX_PREPARED = 400;

/**
 * One connection to the file. Everything is synchronous underneath: between two awaits of its user nothing else happens on it.
 * Statements are read to their end at once, so none is left open to hold an old snapshot.
 */
export class EmbeddedConnection implements DatabaseConnection, WritingConnection {
  readonly path: string;
  readonly #database: Database.Database;
  readonly #prepared = new Map<string, Prepared>();

  /** @throws STORE_OPEN_FAILED */
  constructor(path: string, busyTimeoutMs: number) {
    this.path = path;
    try {
      this.#database = new Database(path, { timeout: busyTimeoutMs });
    } catch (error) {
      throw new SparkifyError(
        'STORE_OPEN_FAILED',
        { store: path, detail: 'the file cannot be opened' },
        { cause: error },
      );
    }
  }

  get engineNowMs(): number {
    return Date.now();
  }

  /** Several statements without values. */
  exec(text: string): void {
    try {
      this.#database.exec(text);
    } catch (error) {
      throw translateSqliteError(error, this.path, text);
    }
  }

  /** One statement with its values. */
  query(text: string, values: readonly unknown[] = []): Outcome {
    try {
      const prepared = this.#prepare(text);
      const bound = bindable(values);
      if (prepared.values > bound.length)
        throw new TypeError(`the statement asks for ${prepared.values} values and was given ${bound.length}`);
      if (prepared.reads) return { rows: prepared.statement.all(bound), changes: 0 };
      return { rows: [], changes: prepared.statement.run(bound).changes };
    } catch (error) {
      throw translateSqliteError(error, this.path, text);
    }
  }

  async all<Row>(text: string, values?: readonly StoreValue[]): Promise<readonly Row[]> {
    return this.query(text, values).rows as Row[];
  }

  async run(text: string, values?: readonly StoreValue[]): Promise<number> {
    return this.query(text, values).changes;
  }

  send(text: string, values?: readonly StoreValue[]): void {
    this.query(text, values);
  }

  async insertEvents(events: readonly StoreEvent[], atMs: number): Promise<void> {
    for (const event of events) this.query(INSERT_EVENT, eventValues(event, atMs));
  }

  /** A number that changes with every commit of another connection, also of another process. */
  dataVersion(): number {
    return (this.query('pragma data_version').rows[0] as { data_version: number }).data_version;
  }

  /** The largest number of an event. */
  lastEvent(): number | null {
    return (this.query('select max(seq) as seq from events').rows[0] as { seq: number | null }).seq;
  }

  get inTransaction(): boolean {
    return this.#database.inTransaction;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, changes } = this.query(query.sql, query.parameters);
    return { rows: rows as R[], numAffectedRows: BigInt(changes) };
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(query);
  }

  /** Brings all that is committed into the file itself, as far as no reader elsewhere stands in the way. */
  checkpoint(): void {
    this.query('pragma wal_checkpoint(truncate)');
  }

  /** The driver keeps the file open until its statements are collected as garbage; no lock is held meanwhile. */
  close(): void {
    this.#prepared.clear();
    this.#database.close();
  }

  #prepare(text: string): Prepared {
    const known = this.#prepared.get(text);
    if (known !== undefined) return known;
    let values = 0;
    // `$1` would be a name to SQLite, numbered by where it first stands.
    const numbered = text.replace(/\$(\d+)/g, (_, n: string) => {
      values = Math.max(values, Number(n));
      return `?${n}`;
    });
    const statement = this.#database.prepare(numbered);
    const prepared = { statement, reads: statement.reader, values };
    if (this.#prepared.size >= MAX_PREPARED) this.#prepared.delete(this.#prepared.keys().next().value!);
    this.#prepared.set(text, prepared);
    return prepared;
  }
}

/**
 * The driver ends the process when it meets a boolean, binds NaN as null and cuts a text at a NUL character: refused, and
 * replaced, before it sees them.
 */
function bindable(values: readonly unknown[]): unknown[] {
  return values.map((value, i) => {
    if (typeof value === 'string') return value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value;
    if (typeof value === 'number' ? Number.isFinite(value) : value === null || typeof value === 'bigint') return value;
    if (value === undefined) return null;
    throw new TypeError(
      `value ${i + 1} is ${String(value)}: the store takes texts, finite numbers and null; flags are 0 or 1`,
    );
  });
}
