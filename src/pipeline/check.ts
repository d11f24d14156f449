import type { StarTable } from './tables.ts';

/** `error` blocks the publish and leaves the star untouched; `warn` is shown and recorded. */
export type Severity = 'error' | 'warn';

interface CheckBase {
  readonly name: string;
  readonly severity: Severity;
  readonly doc?: string;
}

/** What a table or the whole star must satisfy. Tables and columns are the star's names. */
export type Check =
  | (CheckBase & { readonly kind: 'notNull'; readonly table: string; readonly columns: readonly string[] })
  | (CheckBase & { readonly kind: 'unique'; readonly table: string; readonly columns: readonly string[] })
  | (CheckBase & {
      readonly kind: 'references';
      readonly table: string;
      readonly column: string;
      readonly toTable: string;
      readonly toColumn: string;
    })
  | (CheckBase & {
      readonly kind: 'acceptedValues';
      readonly table: string;
      readonly column: string;
      readonly values: readonly (string | number)[];
    })
  | (CheckBase & { readonly kind: 'rowCount'; readonly table: string; readonly min?: number; readonly max?: number })
  /** Has rows whenever its source has records for it; every table of a pipeline has this one by default. */
  | (CheckBase & { readonly kind: 'hasRows'; readonly table: string })
  /** Every record of every object version is in exactly one place, and the facts hold exactly the winners. */
  | (CheckBase & { readonly kind: 'rowAccounting' })
  | (CheckBase & {
      readonly kind: 'freshness';
      readonly table: string;
      readonly column: string;
      readonly maxAgeMs: number;
    })
  /** The query's single value, or all its rows as arrays, equal `expected`. */
  | (CheckBase & { readonly kind: 'expected'; readonly sql: string; readonly expected: unknown });

type Options = { readonly name?: string; readonly severity?: Severity; readonly doc?: string };

function base(name: string, options: Options): CheckBase {
  return {
    name: options.name ?? name,
    severity: options.severity ?? 'error',
    ...(options.doc === undefined ? {} : { doc: options.doc }),
  };
}

/** Builders for checks; each takes an optional name, severity and doc last. */
export const check = {
  notNull: (table: string, columns: readonly string[], o: Options = {}): Check => ({
    ...base(`${table}.not_null(${columns.join(',')})`, o),
    kind: 'notNull',
    table,
    columns,
  }),
  unique: (table: string, columns: readonly string[], o: Options = {}): Check => ({
    ...base(`${table}.unique(${columns.join(',')})`, o),
    kind: 'unique',
    table,
    columns,
  }),
  references: (table: string, column: string, toTable: string, toColumn: string, o: Options = {}): Check => ({
    ...base(`${table}.${column}→${toTable}.${toColumn}`, o),
    kind: 'references',
    table,
    column,
    toTable,
    toColumn,
  }),
  acceptedValues: (table: string, column: string, values: readonly (string | number)[], o: Options = {}): Check => ({
    ...base(`${table}.${column} in (${values.join(',')})`, o),
    kind: 'acceptedValues',
    table,
    column,
    values,
  }),
  rowCount: (table: string, bounds: { min?: number; max?: number }, o: Options = {}): Check => ({
    ...base(`${table}.row_count`, o),
    kind: 'rowCount',
    table,
    ...bounds,
  }),
  hasRows: (table: string, o: Options = {}): Check => ({ ...base(`${table}.has_rows`, o), kind: 'hasRows', table }),
  rowAccounting: (o: Options = {}): Check => ({ ...base('row_accounting', o), kind: 'rowAccounting' }),
  freshness: (table: string, column: string, maxAgeMs: number, o: Options = {}): Check => ({
    ...base(`${table}.freshness(${column})`, { severity: 'warn', ...o }),
    kind: 'freshness',
    table,
    column,
    maxAgeMs,
  }),
  expected: (name: string, sql: string, expected: unknown, o: Options = {}): Check => ({
    ...base(name, o),
    kind: 'expected',
    sql,
    expected,
  }),
};

/** The declared checks and the default ones: rows in every table, and the accounting of rows. */
export function resolveChecks(tables: readonly StarTable[], declared: readonly Check[]): readonly Check[] {
  const hasRows = tables
    .filter((t) => !declared.some((c) => (c.kind === 'hasRows' || c.kind === 'rowCount') && c.table === t.name))
    .map((t) => check.hasRows(t.name));
  const accounting = declared.some((c) => c.kind === 'rowAccounting') ? [] : [check.rowAccounting()];
  return [...declared, ...hasRows, ...accounting];
}

/** A named question to the star with, optionally, its expected rows. */
export interface Analysis {
  readonly name: string;
  readonly title: string;
  readonly doc?: string;
  readonly sql: string;
  /** Rows as arrays, in order. */
  readonly expected?: readonly (readonly unknown[])[];
  /** Columns of the result to draw as bars. */
  readonly bars?: { readonly label: string; readonly value: string };
}
