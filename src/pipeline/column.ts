/** Types a staging column can be read as. Values are taken exactly or quarantined, never coerced. */
export type StagingType = 'text' | 'integer' | 'double' | 'boolean';

/** One column of a staging table: where it stands in the JSON record, and what it may hold. */
export interface StagingColumn {
  readonly name: string;
  /** Key in the source record (top level, case-sensitive). @default the column's name */
  readonly field: string;
  readonly type: StagingType;
  /** A record without it (missing or null) goes to quarantine. @default false */
  readonly required: boolean;
  /** Inclusive bounds for `integer` and `double`. @default integer: the 64-bit range; double: every finite number */
  readonly min?: number;
  readonly max?: number;
  /** `text` only: the text must be empty or a decimal 64-bit integer (the `userId` of the logs). @default false */
  readonly integerText?: boolean;
  readonly doc: string;
}

export type StarType = 'bigint' | 'integer' | 'smallint' | 'double' | 'text' | 'timestamp' | 'boolean';

/**
 * One column of a star table. `sql` is an expression in the shared dialect over the columns of the source record
 * (alias `r`) and of the fact's lookups (alias: the lookup's name).
 */
export interface StarColumn {
  readonly name: string;
  readonly type: StarType;
  readonly nullable: boolean;
  readonly sql: string;
  readonly doc: string;
  /** Declared (never enforced) reference to a dimension's key: `table.column`. */
  readonly references?: string;
}

type StagingOptions = Partial<Omit<StagingColumn, 'name' | 'type'>> & { doc: string };
type Unnamed<T> = Omit<T, 'name'>;

function stagingColumn(type: StagingType) {
  return (options: StagingOptions): Unnamed<StagingColumn> & { field: string } => ({
    type,
    required: false,
    ...options,
    field: options.field ?? '',
  });
}

/** Column builders for staging tables: `read.text({ field: 'firstName', doc: '…' })`. */
export const read = {
  text: stagingColumn('text'),
  integer: stagingColumn('integer'),
  double: stagingColumn('double'),
  boolean: stagingColumn('boolean'),
  /** Epoch milliseconds, UTC, 2000-01-01 up to 2100-01-01. */
  epochMs: (options: StagingOptions): Unnamed<StagingColumn> => ({
    ...stagingColumn('integer')(options),
    min: EPOCH_MS_MIN,
    max: EPOCH_MS_MAX - 1,
  }),
};

/** Event time is accepted in [2000-01-01, 2100-01-01) UTC; "all time" is exactly that interval. */
export const EPOCH_MS_MIN = 946_684_800_000;
export const EPOCH_MS_MAX = 4_102_444_800_000;

interface StarOptions {
  readonly sql: string;
  readonly doc: string;
  /** @default true */
  readonly nullable?: boolean;
  readonly references?: string;
}

function starColumn(type: StarType) {
  return (options: StarOptions): Unnamed<StarColumn> => ({ type, nullable: true, ...options });
}

/** Column builders for star tables: `col.bigint({ sql: 'r.session_id', doc: '…' })`. */
export const col = {
  bigint: starColumn('bigint'),
  integer: starColumn('integer'),
  smallint: starColumn('smallint'),
  double: starColumn('double'),
  text: starColumn('text'),
  timestamp: starColumn('timestamp'),
  boolean: starColumn('boolean'),
};

/** Names the columns of an object literal, in its order. */
export function namedColumns<T extends object>(
  columns: Readonly<Record<string, T>>,
): readonly (T & { name: string })[] {
  return Object.entries(columns).map(([name, column]) => ({ ...column, name }));
}
