import { randomUUID } from 'node:crypto';
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import type pg from 'pg';
import { SparkifyError } from '../../../core/errors.ts';
import type { ErrorPlace } from '../../../warehouse/postgres/errors.ts';
import type { StoreEvent } from '../../events/event.ts';
import type { WritingConnection } from '../engine.ts';
import { eventValues } from '../event-rows.ts';
import type { StoreValue } from '../store.ts';
import { isLost, isRefusedAfterFailure, translateStatement } from './errors.ts';
import type { PreparedNames } from './prepared-names.ts';

/** What all connections of one store have in common. */
export interface PostgresShared {
  readonly place: ErrorPlace;
  /** Taken before events are numbered, held until the commit. */
  readonly eventLock: string;
  readonly channel: string;
  /** Distinguishes this store from others that listen, so that it does not wake itself twice. */
  readonly instance: string;
  readonly prepared: PreparedNames;
}

/**
 * The lock is taken before the first number is: whoever reads a number has already been able to read all that are smaller.
 * Sent together with the commit, so that the lock is held for no round trip.
 */
const INSERT_EVENTS = `
  with turn as materialized (select pg_advisory_xact_lock($1::bigint)),
  told as (
    insert into events (at_ms, type, pipeline, run_id, task_id, body_json)
    select e.at_ms, e.type, e.pipeline, e.run_id, e.task_id, e.body_json
    from turn, rows from (
      unnest($2::bigint[]), unnest($3::text[]), unnest($4::text[]), unnest($5::bigint[]), unnest($6::bigint[]), unnest($7::text[])
    ) with ordinality as e (at_ms, type, pipeline, run_id, task_id, body_json, position)
    order by e.position
    returning seq)
  select count(*) as events, pg_notify($8, $9)::text as notified from told`;

/** What changed nothing leaves no mark, and so stays a transaction that only reads. */
const MARK = `
  insert into commits (connection, mark, at_ms)
  select $1, $2::bigint, $3::bigint where pg_current_xact_id_if_assigned() is not null
  on conflict (connection) do update set mark = excluded.mark, at_ms = excluded.at_ms`;

/** Every transaction reads what is committed, whatever the server or the role are set to, and learns the server's time. */
const BEGIN = `begin isolation level read committed;
  select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms`;

/** A connection as the server knows it: its process, and when that began. */
const SESSION = `
  select pid, extract(epoch from backend_start)::text as began from pg_stat_activity where pid = pg_backend_pid()`;

export interface ServerSession {
  readonly pid: number;
  readonly began: string;
}

/** One connection of a pool; lives as long as the driver's client, which sends what it is given without waiting for answers. */
export class PostgresConnection implements DatabaseConnection, WritingConnection {
  readonly client: pg.PoolClient;
  readonly #shared: PostgresShared;
  /** In `commits`. */
  readonly name: string;
  /** Of the transaction under way, or the last one. */
  mark = 0;
  session: ServerSession = { pid: 0, began: '' };
  engineNowMs = 0;
  #told: Promise<pg.QueryResult> | undefined;
  /** Of the transaction: what the server refused last for a reason of its own, or how the connection was lost. */
  #failure: SparkifyError | undefined;
  /** Nothing more may be asked on it. */
  broken = false;

  constructor(client: pg.PoolClient, shared: PostgresShared) {
    this.client = client;
    this.#shared = shared;
    this.name = randomUUID();
    client.on('end', () => {
      this.broken = true;
    });
  }

  async query<R extends pg.QueryResultRow>(
    text: string,
    values?: readonly unknown[],
    name?: string,
  ): Promise<pg.QueryResult<R>> {
    try {
      const bound = values === undefined ? {} : { values: values.map(bindable) };
      return await this.client.query<R>({ text, ...bound, ...(name === undefined ? {} : { name }) });
    } catch (error) {
      this.broken ||= isLost(error);
      // What follows a failure is refused because of it; whoever sent that may not wait for its answer.
      if (!isRefusedAfterFailure(error)) this.#failure = translateStatement(error, this.#shared.place, text);
      throw this.#failure ?? translateStatement(error, this.#shared.place, text);
    }
  }

  /** `settings`: statements that the connection begins with. */
  async start(settings: string): Promise<void> {
    const results = (await this.query(
      `${settings}; ${SESSION}`,
    )) as unknown as readonly pg.QueryResult<ServerSession>[];
    this.session = results.at(-1)!.rows[0]!;
  }

  async begin(): Promise<void> {
    this.#told = undefined;
    this.#failure = undefined;
    this.mark++;
    const results = (await this.query(BEGIN)) as unknown as readonly pg.QueryResult<{ now_ms: number }>[];
    this.engineNowMs = results[1]!.rows[0]!.now_ms;
  }

  /** Mark, events and commit are sent together; the first error is thrown. */
  async commit(): Promise<void> {
    const told = this.#told ?? this.#sendMark();
    for (const outcome of await Promise.allSettled([told, this.query('commit')])) {
      if (outcome.status === 'rejected') throw outcome.reason;
      // What a server answers when a statement of the transaction had failed.
      if (outcome.value.command === 'ROLLBACK')
        throw new SparkifyError('INTERNAL', { detail: 'a statement failed and its error was not passed on' });
    }
    // Lost with a statement that nobody waited for: what the server has done is asked.
    if (this.#failure !== undefined && isLost(this.#failure)) throw this.#failure;
  }

  async all<Row>(text: string, values: readonly StoreValue[] = []): Promise<readonly Row[]> {
    return (await this.query(text, values, this.#shared.prepared.of(text))).rows as Row[];
  }

  async run(text: string, values: readonly StoreValue[] = []): Promise<number> {
    return (await this.query(text, values, this.#shared.prepared.of(text))).rowCount ?? 0;
  }

  send(text: string, values: readonly StoreValue[] = []): void {
    // What is no value is told at once: the server would never hear of it, and commit the rest.
    const bound = values.map(bindable);
    this.query(text, bound, this.#shared.prepared.of(text)).catch(() => undefined);
  }

  async insertEvents(events: readonly StoreEvent[], atMs: number): Promise<void> {
    const { eventLock, channel, instance } = this.#shared;
    const rows = events.map((event) => eventValues(event, atMs));
    const columns = [0, 1, 2, 3, 4, 5].map((i) => rows.map((row) => bindable(row[i])));
    const values = [eventLock, ...columns, channel, instance];
    const marked = this.#sendMark();
    const inserted = this.query(INSERT_EVENTS, values, this.#shared.prepared.of(INSERT_EVENTS));
    this.#told = marked.then(() => inserted);
    // `commit` follows at once and looks at them.
    for (const sent of [inserted, this.#told]) sent.catch(() => undefined);
  }

  #sendMark(): Promise<pg.QueryResult> {
    return this.query(MARK, [this.name, this.mark, this.engineNowMs], this.#shared.prepared.of(MARK));
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, rowCount, command } = await this.query(
      query.sql,
      query.parameters,
      this.#shared.prepared.ofRepeated(query.sql),
    );
    const changed = /^(INSERT|UPDATE|DELETE|MERGE)$/.test(command);
    return { rows: rows as R[], ...(changed ? { numAffectedRows: BigInt(rowCount ?? 0) } : {}) };
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(query);
  }
}

/** PostgreSQL refuses a NUL character in a text; the embedded store would cut it. */
function bindable(value: unknown): unknown {
  if (typeof value === 'string') return value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value;
  if (value === undefined || value === null || Array.isArray(value) || typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new SparkifyError('INTERNAL', {
    detail: `a statement was given ${String(value)}: the store takes texts, finite numbers and null; flags are 0 or 1`,
  });
}
