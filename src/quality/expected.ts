import type { Check } from '../pipeline/check.ts';
import type { SqlSession, SqlValue } from '../warehouse/session.ts';
import { type Finding, SAMPLE_ROWS } from './finding.ts';

/** More rows than this are no expectation that a person wrote down. */
const MAX_ROWS = 10_000;

type Plain = string | number | boolean | null;

/** Dates as ISO 8601 with Z, integers beyond the safe ones as text. */
function plain(value: unknown): Plain {
  if (value === undefined || value === null) return null;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'bigint')
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value.toString();
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return JSON.stringify(value);
}

/** A sum of doubles depends on its order in the last digits; nothing else is forgiven. */
function same(a: Plain, b: Plain): boolean {
  if (typeof a !== 'number' || typeof b !== 'number' || (Number.isInteger(a) && Number.isInteger(b))) return a === b;
  return a === b || Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
}

function shown(rows: readonly (readonly Plain[])[]): string {
  if (rows.length === 1 && rows[0]!.length === 1) return JSON.stringify(rows[0]![0]);
  if (rows.length === 0) return 'no rows';
  const text = JSON.stringify(rows);
  return text.length <= 300 ? text : `${rows.length} rows, ${text.slice(0, 300)}…`;
}

/** Compares a query's single value, or its rows in order, with what was expected. */
export async function expectedResult(
  session: SqlSession,
  check: Extract<Check, { kind: 'expected' }>,
  sql: string,
): Promise<Finding> {
  const names: string[] = [];
  const rows: (readonly SqlValue[])[] = [];
  for await (const batch of session.stream(sql)) {
    if (names.length === 0) names.push(...batch.columns.map((c) => c.name));
    if (rows.length < MAX_ROWS) rows.push(...batch.rows);
  }
  const wanted = Array.isArray(check.expected)
    ? (check.expected as readonly unknown[]).map((r) => (Array.isArray(r) ? r.map(plain) : [plain(r)]))
    : [[plain(check.expected)]];
  const found = rows.map((r) => r.map(plain));
  const agrees = (i: number): boolean => {
    const [w, f] = [wanted[i], found[i]];
    return w !== undefined && f !== undefined && w.length === f.length && w.every((v, j) => same(v, f[j]!));
  };
  const differing = [...Array(Math.max(wanted.length, found.length)).keys()].filter((i) => !agrees(i));
  const samples =
    wanted.length === 1 && found.length === 1 && found[0]!.length === 1
      ? []
      : differing
          .filter((i) => found[i] !== undefined)
          .slice(0, SAMPLE_ROWS)
          .map((i) => Object.fromEntries(names.map((n, j) => [n, found[i]![j] ?? null])));
  return { passed: differing.length === 0, expected: shown(wanted), actual: shown(found), samples };
}

/**
 * The statement with the tables it may name standing for the given SELECTs. It is part of a larger statement then, so
 * it must be one SELECT (or WITH … SELECT).
 */
export function overTables(sql: string, tables: readonly { readonly name: string; readonly select: string }[]): string {
  const statement = sql.trim().replace(/;+$/, '');
  const lower = statement.toLowerCase();
  const named = tables.filter((t) => lower.includes(t.name.toLowerCase()));
  if (named.length === 0) return statement;
  const ctes = named.map((t) => `"${t.name.replaceAll('"', '""')}" as not materialized (${t.select})`);
  return `with ${ctes.join(', ')} select * from (\n${statement}\n) q`;
}
