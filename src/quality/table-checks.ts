import { grouped } from '../core/grouped.ts';
import { ident } from '../core/quoting.ts';
import type { Check } from '../pipeline/check.ts';
import type { Row, SqlSession } from '../warehouse/session.ts';
import { counted, type Finding } from './finding.ts';
import type { Subject } from './subject.ts';

type Of<K extends Check['kind']> = Extract<Check, { kind: K }>;

export async function rowCount(check: Of<'rowCount'>, subject: Subject): Promise<Finding> {
  const { min, max } = check;
  const n = await subject.rows();
  const expected = ((): string => {
    if (min !== undefined && max !== undefined) {
      return min === max ? counted(min, 'row') : `${grouped(min)} to ${counted(max, 'row')}`;
    }
    if (min !== undefined) return `at least ${counted(min, 'row')}`;
    return max === undefined ? 'any number of rows' : `at most ${counted(max, 'row')}`;
  })();
  return { passed: n >= (min ?? 0) && n <= (max ?? Number.POSITIVE_INFINITY), expected, actual: counted(n, 'row') };
}

/** @param hasRecords asked only when the table is empty: has its source anything that would be a row of it? */
export async function hasRows(subject: Subject, hasRecords: () => Promise<boolean>): Promise<Finding> {
  const n = await subject.rows();
  const expected = 'rows, where its source has records';
  if (n > 0) return { passed: true, expected, actual: counted(n, 'row') };
  return (await hasRecords())
    ? { passed: false, expected, actual: '0 rows, although there are records for it' }
    : { passed: true, expected, actual: '0 rows, no records' };
}

/** The newest value (a timestamp, or epoch milliseconds) is at most `maxAgeMs` older than now. */
export async function freshness(
  session: SqlSession,
  check: Of<'freshness'>,
  subject: Subject,
  nowMs: number,
): Promise<Finding> {
  const expected = `newest ${check.column} at most ${duration(check.maxAgeMs)} old`;
  const newest = async (rows: string): Promise<number | undefined> => {
    const [row] = await session.all<Row>(`select max(t.${ident(check.column)}) as newest from (${rows}) t`);
    const value = row?.newest ?? null;
    if (value === null) return undefined;
    return value instanceof Date ? value.getTime() : Number(value);
  };
  const fresh = (ms: number): boolean => nowMs - ms <= check.maxAgeMs;
  let found = subject.change === undefined ? undefined : await newest(subject.change.added);
  if (found === undefined || !fresh(found)) found = await newest(subject.whole);
  if (found === undefined) return { passed: false, expected, actual: 'no value at all' };
  const age = nowMs - found;
  const actual = `${new Date(found).toISOString()}, ${age < 0 ? `${duration(-age)} ahead` : `${duration(age)} old`}`;
  return { passed: fresh(found), expected, actual };
}

function duration(ms: number): string {
  for (const [unit, size] of [
    ['days', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
  ] as const) {
    if (ms >= 2 * size || (ms >= size && unit !== 'days')) return `${Number((ms / size).toFixed(1))} ${unit}`;
  }
  return `${Math.round(ms)} ms`;
}
