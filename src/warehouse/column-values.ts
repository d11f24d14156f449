import type { ColumnValues, SqlValue } from './session.ts';

/** Columns of an insert, as rows. */
export function rowsOf(count: number, columns: readonly ColumnValues[]): readonly (readonly SqlValue[])[] {
  return Array.from({ length: count }, (_, i) =>
    columns.map((c) => ('all' in c ? c.all : 'from' in c ? c.from + i : c.each[i]!)),
  );
}
