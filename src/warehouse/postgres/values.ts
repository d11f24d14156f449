import type { SqlValue } from '../session.ts';

/** A value as PostgreSQL's text protocol takes it: bytes stay bytes, timestamps are ISO 8601 in UTC. */
export function toPostgres(value: SqlValue): string | Buffer | null {
  if (value === null) return null;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return numberText(value);
}

/** As `String` has it, but for the sign of −0. */
function numberText(value: string | number | bigint | boolean): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

type Parse = (text: string) => SqlValue;

function integer(text: string): SqlValue {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

const parsers: Readonly<Record<number, readonly [type: string, parse: Parse]>> = {
  16: ['boolean', (t) => t === 't'],
  17: ['bytea', (t) => Uint8Array.from(Buffer.from(t.slice(2), 'hex'))],
  20: ['bigint', integer],
  21: ['smallint', Number],
  23: ['integer', Number],
  25: ['text', (t) => t],
  26: ['oid', Number],
  700: ['real', Number],
  701: ['double precision', Number],
  1042: ['character', (t) => t],
  1043: ['character varying', (t) => t],
  1082: ['date', (t) => new Date(`${t}T00:00:00Z`)],
  1114: ['timestamp', (t) => new Date(`${t.replace(' ', 'T')}Z`)],
  // The session's time zone is UTC, so the text ends in +00.
  1184: ['timestamp with time zone', (t) => new Date(`${t.replace(' ', 'T').replace(/\+00$/, '')}Z`)],
  // Sums of 64-bit integers are NUMERIC here.
  1700: ['numeric', (t) => (/^-?\d+$/.test(t) ? integer(t) : Number(t))],
};

/** The parser of a type by its OID; types without one stay text. */
export function parserOf(oid: number): Parse {
  return parsers[oid]?.[1] ?? ((text) => text);
}

/** Name of a type by its OID, lower case. */
export function typeNameOf(oid: number): string {
  return parsers[oid]?.[0] ?? `oid ${oid}`;
}

/** Column names made unique the way DuckDB does it, `name`, `name:1`, …, so that no column of a row is lost. */
export function uniqueNames(names: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let n = 1; taken.has(unique); n++) unique = `${name}:${n}`;
    taken.add(unique);
    return unique;
  });
}

/** One row in COPY's text format, with its line feed. */
export function toCopyLine(row: readonly SqlValue[]): string {
  return `${row.map(toCopyField).join('\t')}\n`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function toCopyField(value: SqlValue): string {
  if (value === null) return '\\N';
  if (value instanceof Uint8Array) return `\\\\x${Buffer.from(value).toString('hex')}`;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'string') return value.replace(/[\\\t\n\r]/g, (c) => ESCAPES[c]!);
  return numberText(value);
}
