import { namedColumns, type StagingColumn, type StarColumn } from './column.ts';

/** One step of a total order over records: a SQL expression in the shared dialect, text compared by bytes, NULLs last. */
export interface OrderBy {
  readonly sql: string;
  /** @default false */
  readonly descending?: boolean;
}

/** The MD5 of a record's canonical text, as the step of an order; it breaks every tie between different contents. */
export const CONTENT_HASH = '$content_hash';

export type Framing = 'auto' | 'ndjson' | 'json';

/** A source of JSON records and the staging table they are read into. */
export interface Staging {
  readonly kind: 'staging';
  readonly name: string;
  readonly doc: string;
  readonly columns: readonly StagingColumn[];
  /** Folder or `s3://bucket/prefix` the objects are listed under. No part of the semantic definition. */
  readonly root: string;
  /** Key template below the root (`{yyyy}/{MM}/{yyyy-MM-dd}-events.json`); without one the root is listed whole. */
  readonly template?: string;
  /** Only keys with one of these endings are objects of this source. @default ['.json', '.json.gz', '.ndjson', '.ndjson.gz'] */
  readonly endings: readonly string[];
  /** @default 'auto' */
  readonly framing: Framing;
  /** Path or URL of a jsonpaths file that maps positionally to `columns`. */
  readonly jsonPaths?: string;
  /** Columns that identify a record; of records with one key exactly one, the winner, is in force. All required. */
  readonly key: readonly string[];
  /** How the winner among records of one key is found; the content hash is always the last step. */
  readonly winner: readonly OrderBy[];
  /** Column with the event time in epoch milliseconds; a staging without one is always in force as a whole. */
  readonly eventTime?: string;
  /** Periods around the interval whose objects are listed too. @default 1 and 1 */
  readonly lookback: number;
  readonly lookahead: number;
  /** What a period without an object means. @default 'empty' */
  readonly onMissing: 'empty' | 'fail' | 'wait';
  /** Quarantine share of one object (of at least 100 records) that stops the run before the publish. @default 0.05 */
  readonly maxQuarantineShare: number;
}

/** A fact column's source in another staging: of the candidates that match, the first in order. */
export interface Lookup {
  readonly name: string;
  readonly from: Staging;
  /** Equality, candidate column → column of the fact's record. */
  readonly on: Readonly<Record<string, string>>;
  /** A further condition over `r` and the lookup's alias. */
  readonly where?: string;
  readonly orderBy: readonly OrderBy[];
}

interface TableBase {
  readonly name: string;
  readonly doc: string;
  /** Why the table is as it is. */
  readonly rationale: string;
  readonly columns: readonly StarColumn[];
  /** Columns that identify a row. */
  readonly key: readonly string[];
}

/** One row per record in force that passes `where`. */
export interface Fact extends TableBase {
  readonly kind: 'fact';
  readonly from: Staging;
  readonly where?: string;
  readonly lookups: readonly Lookup[];
  /** The timestamp column; Redshift sorts by it. */
  readonly time?: string;
}

/** One row per key over the records in force that pass `where`: that of the winner in `winner`'s order. */
export interface Dimension extends TableBase {
  readonly kind: 'dimension';
  readonly from: Staging;
  readonly where?: string;
  readonly winner: readonly OrderBy[];
}

/** One row per distinct value of a fact's timestamp column; expressions see that value as `t.<column>`. */
export interface Calendar extends TableBase {
  readonly kind: 'calendar';
  readonly of: Fact;
  readonly column: string;
}

/** A table of free SQL over other star tables: recomputed and published by difference. */
export interface SqlTable extends TableBase {
  readonly kind: 'sql';
  readonly sql: string;
}

export type StarTable = Fact | Dimension | Calendar | SqlTable;

type ColumnsOf<T extends { name: string }> = Readonly<Record<string, Omit<T, 'name'>>>;

export interface StagingOptions
  extends Pick<Staging, 'doc' | 'root' | 'key'>,
    Partial<
      Pick<Staging, 'endings' | 'framing' | 'lookback' | 'lookahead' | 'onMissing' | 'maxQuarantineShare' | 'winner'>
    > {
  readonly columns: ColumnsOf<StagingColumn>;
  readonly template?: string | undefined;
  readonly jsonPaths?: string | undefined;
  readonly eventTime?: string;
}

const stagingDefaults = {
  endings: ['.json', '.json.gz', '.ndjson', '.ndjson.gz'],
  framing: 'auto',
  lookback: 1,
  lookahead: 1,
  onMissing: 'empty',
  maxQuarantineShare: 0.05,
  winner: [],
} as const satisfies Partial<Staging>;

/** Declares a source and its staging table. */
export function staging(name: string, options: StagingOptions): Staging {
  const { template, jsonPaths, columns, ...rest } = options;
  return {
    kind: 'staging',
    name,
    ...stagingDefaults,
    ...rest,
    ...(template === undefined ? {} : { template }),
    ...(jsonPaths === undefined ? {} : { jsonPaths }),
    columns: namedColumns(columns).map((c) => ({ ...c, field: c.field === '' ? c.name : c.field })),
  };
}

type TableOptions<T extends TableBase> = Omit<T, 'kind' | 'name' | 'columns' | 'rationale'> & {
  readonly columns: ColumnsOf<StarColumn>;
  /** @default '' */
  readonly rationale?: string;
};

function named<T extends TableBase>(kind: string, name: string, options: object): T {
  const { columns, ...rest } = options as { columns: ColumnsOf<StarColumn> };
  return { kind, name, rationale: '', ...rest, columns: namedColumns(columns) } as unknown as T;
}

/** Declares a fact table. */
export function fact(
  name: string,
  options: Omit<TableOptions<Fact>, 'lookups'> & { lookups?: Readonly<Record<string, Omit<Lookup, 'name'>>> },
): Fact {
  return named<Fact>('fact', name, { ...options, lookups: namedColumns(options.lookups ?? {}) });
}

/** Declares a dimension table. */
export function dimension(name: string, options: TableOptions<Dimension>): Dimension {
  return named<Dimension>('dimension', name, options);
}

/** Declares a calendar: the distinct times of a fact. */
export function calendar(name: string, options: TableOptions<Calendar>): Calendar {
  return named<Calendar>('calendar', name, options);
}

/** Declares a table of free SQL over the other tables of the star. */
export function sqlTable(name: string, options: TableOptions<SqlTable>): SqlTable {
  return named<SqlTable>('sql', name, options);
}
