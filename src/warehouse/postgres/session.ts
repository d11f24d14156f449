import type { Client, QueryArrayConfig, QueryArrayResult } from 'pg';
import { identList, qualified } from '../../core/quoting.ts';
import { rowsOf } from '../column-values.ts';
import type { ColumnValues, ResultBatch, Row, SqlSession, SqlValue } from '../session.ts';
import { copyIn } from './copy-in.ts';
import { type ErrorPlace, translateStatementError } from './errors.ts';
import { RowCursor } from './row-cursor.ts';
import { toCopyLine, toPostgres, uniqueNames } from './values.ts';

const PAGE_ROWS = 2000;
const INSERT_CHUNK_CHARACTERS = 256 * 1024;

/** One PostgreSQL connection, for as long as the read, transaction or lock it belongs to. */
export class PostgresSession implements SqlSession {
  readonly client: Client;
  readonly place: ErrorPlace;

  constructor(client: Client, place: ErrorPlace) {
    this.client = client;
    this.place = place;
  }

  async exec(sql: string, params: readonly SqlValue[] = []): Promise<number> {
    const results: unknown = await this.#query(sql, params);
    const last = (Array.isArray(results) ? results.at(-1) : results) as QueryArrayResult | undefined;
    return last?.rowCount ?? 0;
  }

  async all<T extends object = Row>(sql: string, params: readonly SqlValue[] = []): Promise<readonly T[]> {
    const results: unknown = await this.#query(sql, params);
    const last = (Array.isArray(results) ? results.at(-1) : results) as QueryArrayResult<SqlValue[]>;
    const names = uniqueNames(last.fields.map((f) => f.name));
    return last.rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]]))) as T[];
  }

  async *stream(sql: string, params: readonly SqlValue[] = []): AsyncIterable<ResultBatch> {
    const cursor = this.client.query(new RowCursor(sql, params, PAGE_ROWS));
    try {
      let page = await cursor.next();
      yield { columns: cursor.columns, rows: [] };
      while (page !== undefined) {
        if (page.rows.length > 0) yield page;
        page = await cursor.next();
      }
    } catch (error) {
      throw translateStatementError(error, sql, this.place);
    } finally {
      await cursor.close();
    }
  }

  async insertRows(
    schema: string,
    table: string,
    columns: readonly string[],
    rows: readonly (readonly SqlValue[])[],
  ): Promise<void> {
    if (rows.length === 0) return;
    const target = `${qualified(schema, table)} (${identList(columns)})`;
    await this.copyFrom(target, 'text', encodeRows(rows));
  }

  async insertColumns(
    schema: string,
    table: string,
    count: number,
    columns: Readonly<Record<string, ColumnValues>>,
  ): Promise<void> {
    await this.insertRows(schema, table, Object.keys(columns), rowsOf(count, Object.values(columns)));
  }

  /** COPY FROM STDIN on this connection; the number of rows. */
  async copyFrom(
    target: string,
    format: 'text' | 'csv',
    chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<number> {
    try {
      return await copyIn(this.client, target, format, chunks);
    } catch (error) {
      throw translateStatementError(error, `copy ${target} from stdin`, this.place);
    }
  }

  /** Runs a statement that has no rows of interest; its command tag (`COMMIT`, `ROLLBACK`, …). */
  async command(sql: string): Promise<string> {
    const result = await this.#query(sql, []);
    return (result as QueryArrayResult).command;
  }

  async #query(sql: string, params: readonly SqlValue[]): Promise<QueryArrayResult> {
    try {
      const config: QueryArrayConfig = { text: sql, rowMode: 'array' };
      if (params.length > 0) config.values = params.map(toPostgres);
      return await this.client.query(config);
    } catch (error) {
      throw translateStatementError(error, sql, this.place);
    }
  }
}

function* encodeRows(rows: readonly (readonly SqlValue[])[]): Iterable<Uint8Array> {
  let text = '';
  for (const row of rows) {
    text += toCopyLine(row);
    if (text.length >= INSERT_CHUNK_CHARACTERS) {
      yield Buffer.from(text);
      text = '';
    }
  }
  if (text !== '') yield Buffer.from(text);
}
