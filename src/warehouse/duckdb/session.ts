import {
  type DuckDBConnection,
  DuckDBDataChunk,
  type DuckDBMaterializedResult,
  type DuckDBResult,
} from '@duckdb/node-api';
import { identList, qualified } from '../../core/quoting.ts';
import { rowsOf } from '../column-values.ts';
import type { ColumnValues, ResultBatch, Row, SqlSession, SqlValue } from '../session.ts';
import { translateDuckError } from './errors.ts';
import { joinColumns } from './joined-columns.ts';
import { fromDuck, toDuckColumn, toDuckParams } from './values.ts';

const CHUNK_ROWS = 2048;

/** Up to so many rows one statement is quicker than an appender. */
const FEW_ROWS = 64;

const CHUNK_USES = 16;
const NULLS = { value: null };

/** The value of a column that all rows agree on. */
function sameThroughout(
  rows: readonly (readonly SqlValue[])[],
  place: number,
): { readonly value: SqlValue } | undefined {
  const value = rows[0]![place] ?? null;
  return rows.every((row) => (row[place] ?? null) === value) ? { value } : undefined;
}

/** One DuckDB connection. A connection runs one statement at a time; callers await each before the next. */
export class DuckSession implements SqlSession {
  readonly #connection: DuckDBConnection;

  constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  async exec(sql: string, params: readonly SqlValue[] = []): Promise<number> {
    try {
      const result = await this.#run(sql, params);
      return result.rowsChanged;
    } catch (error) {
      throw translateDuckError(error, sql);
    }
  }

  async all<T extends object = Row>(sql: string, params: readonly SqlValue[] = []): Promise<readonly T[]> {
    try {
      const result = await this.#run(sql, params);
      const names = result.deduplicatedColumnNames();
      const rows = await result.getRowsJS();
      return rows.map((row) => {
        // A loop: for many rows, quicker than entries by far.
        const object: Record<string, SqlValue> = {};
        for (let i = 0; i < names.length; i++) object[names[i]!] = fromDuck(row[i] ?? null);
        return object as T;
      });
    } catch (error) {
      throw translateDuckError(error, sql);
    }
  }

  async *stream(sql: string, params: readonly SqlValue[] = []): AsyncIterable<ResultBatch> {
    try {
      const result = await this.#stream(sql, params);
      const types = result.columnTypes();
      const columns = result
        .deduplicatedColumnNames()
        .map((name, i) => ({ name, type: String(types[i]).toLowerCase() }));
      yield { columns, rows: [] };
      for await (const rows of result.yieldRowsJs()) {
        yield { columns, rows: rows.map((row) => row.map(fromDuck)) };
      }
    } catch (error) {
      throw translateDuckError(error, sql);
    }
  }

  async insertRows(
    schema: string,
    table: string,
    columns: readonly string[],
    rows: readonly (readonly SqlValue[])[],
  ): Promise<void> {
    if (rows.length === 0) return;
    if (rows.length <= FEW_ROWS) {
      const places = rows.map((row, r) => `(${row.map((_, i) => `$${r * row.length + i + 1}`).join(', ')})`);
      await this.exec(
        `insert into ${qualified(schema, table)} (${identList(columns)}) values ${places.join(', ')}`,
        rows.flat(),
      );
      return;
    }
    const order = await this.all<{ column_name: string }>(
      'select column_name from duckdb_columns() where database_name = current_database() and schema_name = $1 and table_name = $2 order by column_index',
      [schema, table],
    );
    const places = order.map((c) => columns.indexOf(c.column_name));
    try {
      const appender = await this.#connection.createAppender(table, schema);
      const types = places.map((_, i) => appender.columnType(i));
      const values = places.map((place) => (place < 0 ? NULLS : sameThroughout(rows, place)));
      let chunk: DuckDBDataChunk | undefined;
      for (let start = 0; start < rows.length; start += CHUNK_ROWS) {
        const part = rows.slice(start, start + CHUNK_ROWS);
        // A chunk is used again, with what is the same in all rows; its memory for texts grows, so not for ever.
        const again = chunk !== undefined && chunk.rowCount === part.length && start % (CHUNK_USES * CHUNK_ROWS) !== 0;
        if (!again) chunk = DuckDBDataChunk.create(types, part.length);
        for (const [i, place] of places.entries()) {
          const same = values[i];
          if (same !== undefined && again) continue;
          const type = types[i]!;
          const column =
            same === undefined
              ? part.map((row) => toDuckColumn(row[place] ?? null, type))
              : new Array(part.length).fill(toDuckColumn(same.value, type));
          chunk!.setColumnValues(i, column);
        }
        appender.appendDataChunk(chunk!);
      }
      appender.flushSync();
      appender.closeSync();
    } catch (error) {
      throw translateDuckError(error, `insert into ${schema}.${table}`);
    }
  }

  async insertColumns(
    schema: string,
    table: string,
    count: number,
    columns: Readonly<Record<string, ColumnValues>>,
  ): Promise<void> {
    const names = Object.keys(columns);
    const joined = count <= FEW_ROWS ? undefined : joinColumns(count, Object.entries(columns));
    if (joined === undefined) await this.insertRows(schema, table, names, rowsOf(count, Object.values(columns)));
    else
      await this.exec(`insert into ${qualified(schema, table)} (${identList(names)}) ${joined.select}`, joined.params);
  }

  #run(sql: string, params: readonly SqlValue[]): Promise<DuckDBMaterializedResult> {
    if (params.length === 0) return this.#connection.run(sql);
    const { values, types } = toDuckParams(params);
    return this.#connection.run(sql, values, types);
  }

  #stream(sql: string, params: readonly SqlValue[]): Promise<DuckDBResult> {
    if (params.length === 0) return this.#connection.stream(sql);
    const { values, types } = toDuckParams(params);
    return this.#connection.stream(sql, values, types);
  }

  /** Stops the statement that runs; it fails with an interrupt. */
  interrupt(): void {
    this.#connection.interrupt();
  }

  close(): void {
    this.#connection.closeSync();
  }
}
