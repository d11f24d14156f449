/** A value as it leaves or enters a session. 64-bit integers are numbers while they are safe, else bigints. */
export type SqlValue = string | number | bigint | boolean | Date | Uint8Array | null;
export type Row = Readonly<Record<string, SqlValue>>;

export interface ResultColumn {
  readonly name: string;
  /** The engine's own name of the type, lower case. */
  readonly type: string;
}

export interface ResultBatch {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly SqlValue[])[];
}

/** What the rows of an insert have in one column: the same all of them, whole numbers counted up, or each its own. */
export type ColumnValues =
  | { readonly all: SqlValue }
  | { readonly from: number }
  | { readonly each: readonly SqlValue[] };

/** One connection to an engine. Parameters are `$1, $2, …`; timestamps are UTC and come as `Date`. */
export interface SqlSession {
  /** Runs one or (without parameters) several statements; the number of rows the last one changed. */
  exec(sql: string, params?: readonly SqlValue[]): Promise<number>;
  all<T extends object = Row>(sql: string, params?: readonly SqlValue[]): Promise<readonly T[]>;
  /** Streams a result in batches; the first batch comes also when there is no row. */
  stream(sql: string, params?: readonly SqlValue[]): AsyncIterable<ResultBatch>;
  /** Inserts rows in bulk; columns are named, values in their order. */
  insertRows(
    schema: string,
    table: string,
    columns: readonly string[],
    rows: readonly (readonly SqlValue[])[],
  ): Promise<void>;
  /** The same for very many rows, by column. */
  insertColumns(
    schema: string,
    table: string,
    count: number,
    columns: Readonly<Record<string, ColumnValues>>,
  ): Promise<void>;
}
