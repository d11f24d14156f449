import { ident } from '../../core/quoting.ts';
import type { ColumnValues, SqlValue } from '../session.ts';

/** Parameters, and the query that makes rows of them. */
export interface JoinedColumns {
  readonly select: string;
  readonly params: readonly SqlValue[];
}

const BETWEEN = '\n';
const NULL_MARK = '\u0001';

/**
 * Columns as a query over few long texts, each a whole column's values one behind the other: crossing into the engine one by
 * one is what a hundred thousand values cost most, and the engine takes them apart in its own threads. Undefined when a
 * column has values of its own that are neither texts nor whole numbers, or texts that cannot be told apart once joined.
 */
export function joinColumns(
  count: number,
  columns: readonly (readonly [string, ColumnValues])[],
): JoinedColumns | undefined {
  const params: SqlValue[] = [];
  const parts: string[] = [`unnest(range(0, ${count})) as n`];
  const selected: string[] = [];
  const param = (value: SqlValue): string => `$${params.push(value)}`;
  for (const [name, column] of columns) {
    const as = ident(name);
    if ('all' in column) selected.push(`${column.all === null ? 'null' : param(column.all)} as ${as}`);
    else if ('from' in column) selected.push(`n + ${param(column.from)} as ${as}`);
    else {
      const joined = joinNumbers(column.each) ?? joinTexts(column.each);
      if (joined === undefined) return undefined;
      parts.push(`unnest(string_split(${param(joined.text)}, chr(10))) as ${as}`);
      selected.push(`${joined.value(as)} as ${as}`);
    }
  }
  return { select: `select ${selected.join(', ')} from (select ${parts.join(', ')})`, params };
}

interface Joined {
  readonly text: string;
  /** The expression for a value, given its part of the text. */
  readonly value: (part: string) => string;
}

function joinNumbers(values: readonly SqlValue[]): Joined | undefined {
  for (const v of values) if (v !== null && !Number.isSafeInteger(v)) return undefined;
  return { text: values.join(BETWEEN), value: (part) => `nullif(${part}, '')::bigint` };
}

function joinTexts(values: readonly SqlValue[]): Joined | undefined {
  let nulls = 0;
  for (const v of values) {
    if (v === null) nulls++;
    else if (typeof v !== 'string') return undefined;
  }
  const text = (nulls === 0 ? values : values.map((v) => v ?? NULL_MARK)).join(BETWEEN);
  if (occurrences(text, BETWEEN) !== values.length - 1) return undefined;
  if (occurrences(text, NULL_MARK) !== nulls || text.includes('\0')) return undefined;
  return { text, value: (part) => (nulls === 0 ? part : `nullif(${part}, chr(1))`) };
}

function occurrences(text: string, of: string): number {
  let count = 0;
  for (let at = text.indexOf(of); at >= 0; at = text.indexOf(of, at + 1)) count++;
  return count;
}
