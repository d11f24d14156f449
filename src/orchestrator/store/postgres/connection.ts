import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely';
import type pg from 'pg';
import { SparkifyError } from '../../../core/errors.ts';
import type { ErrorPlace } from '../../../warehouse/postgres/errors.ts';
import type { StoreEvent } from '../../events/event.ts';
import type { WritingConnection } from '../engine.ts';
import { eventValues } from '../event-rows.ts';
import type { StoreValue } from '../store.ts';
import { isLost, translateStatement } from './errors.ts';

/** What all connections of one store have in common. */
export interface PostgresShared {
  readonly place: ErrorPlace;
  /** Taken before events are numbered, held until the commit. */
  readonly eventLock: string;
  readonly channel: string;
  /** Distinguishes this store from others that listen, so that it does not wake itself twice. */
  readonly instance: string;
  /** Names of texts that are prepared on the server. */
  readonly prepared: Map<string, string>;
}

/** Texts that are kept prepared, on each connection. */
const MAX_PREPARED = 200;

/**
 * The lock is taken before the first number is: whoever reads a number has already been able to read all that are smaller.
 * One round trip tells the others, and also fetches the transaction's id, by which a lost commit is asked for.
 */
const INSERT_EVENTS = `
  with turn as materialized (select pg_advisory_xact_lock($1::bigint)),
  told as (
    insert into events (at_ms, type, pipeline, run_id, task_id, body_json)
    select e.at_ms, e.type, e.pipeline, e.run_id, e.task_id, e.body_json
    from turn, rows from (unnest($2::bigint[]), unnest($3::text[]), unnest($4::text[]), unnest($5::bigint[]), unnest($6::bigint[]), unnest($7::text[]))
      with ordinality as e (at_ms, type, pipeline, run_id, task_id, body_json, position)
    order by e.position
    returning seq)
  select count(*) as events, pg_notify($8, $9)::text as told, pg_current_xact_id()::text as xid from told`;

/** One connection of a pool; lives as long as the driver's client. */
export class PostgresConnection implements DatabaseConnection, WritingConnection {
  readonly client: pg.PoolClient;
  readonly #shared: PostgresShared;
  /** Of the transaction under way, once it is known. */
  xid: string | undefined;
  engineNowMs = 0;
  /** Nothing more may be asked on it. */
  broken = false;

  constructor(client: pg.PoolClient, shared: PostgresShared) {
    this.client = client;
    this.#shared = shared;
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
      const config = {
        text,
        ...(values === undefined ? {} : { values: values.map(bindable) }),
        ...(name === undefined ? {} : { name }),
      };
      return await this.client.query<R>(config);
    } catch (error) {
      this.broken ||= isLost(error);
      throw translateStatement(error, this.#shared.place, text);
    }
  }

  async all<Row>(text: string, values: readonly StoreValue[] = []): Promise<readonly Row[]> {
    return (await this.query(text, values, this.#nameOf(text))).rows as Row[];
  }

  async run(text: string, values: readonly StoreValue[] = []): Promise<number> {
    return (await this.query(text, values, this.#nameOf(text))).rowCount ?? 0;
  }

  async insertEvents(events: readonly StoreEvent[], atMs: number): Promise<void> {
    const { eventLock, channel, instance } = this.#shared;
    const rows = events.map((event) => eventValues(event, atMs));
    const columns = [0, 1, 2, 3, 4, 5].map((i) => rows.map((row) => bindable(row[i])));
    const values = [eventLock, ...columns, channel, instance];
    const { rows: told } = await this.query<{ xid: string }>(INSERT_EVENTS, values, this.#nameOf(INSERT_EVENTS));
    this.xid = told[0]!.xid;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, rowCount, command } = await this.query(query.sql, query.parameters);
    const changed = /^(INSERT|UPDATE|DELETE|MERGE)$/.test(command);
    return { rows: rows as R[], ...(changed ? { numAffectedRows: BigInt(rowCount ?? 0) } : {}) };
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(query);
  }

  #nameOf(text: string): string | undefined {
    const { prepared } = this.#shared;
    const known = prepared.get(text);
    if (known !== undefined || prepared.size >= MAX_PREPARED) return known;
    const name = `sparkify_${prepared.size + 1}`;
    prepared.set(text, name);
    return name;
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
