import { SparkifyError } from '../core/errors.ts';
import { ident, literal } from '../core/quoting.ts';
import type { StagingType, StarType } from '../pipeline/column.ts';
import type { Staging, StarTable } from '../pipeline/tables.ts';

/** One column of a row's key, its value as the text that was given. */
export interface KeyPart {
  readonly column: string;
  readonly value: string;
}

/**
 * Reads a key as a person writes it: the value alone, several values separated by commas, or `column=value,…`. Values
 * with commas stand in double quotes.
 * @param names the key's columns, in order
 * @param also further columns that may be named
 * @throws TRACE_UNKNOWN
 */
export function parseKey(
  table: string,
  text: string,
  names: readonly string[],
  also: readonly string[] = [],
): readonly KeyPart[] {
  const parts = split(text);
  const named = parts.map((p) => /^\s*"?([^"=]+?)"?\s*=([\s\S]*)$/.exec(p));
  const known = [...names, ...also];
  if (named.every((m) => m !== null && known.includes(m[1]!))) {
    const given = named.map((m) => ({ column: m![1]!, value: unquote(m![2]!) }));
    const complete = names.every((n) => given.some((g) => g.column === n));
    if (complete || given.every((g) => also.includes(g.column))) return given;
  }
  if (names.length === 1) return [{ column: names[0]!, value: unquote(text) }];
  if (parts.length !== names.length) {
    throw new SparkifyError('TRACE_UNKNOWN', {
      detail: `"${text}" is no key of ${table}: it has ${names.length} columns, ${names.join(', ')}`,
      fix: `Write ${names.map((n) => `${n}=…`).join(',')}, or the values alone in this order, separated by commas.`,
    });
  }
  return parts.map((p, i) => ({ column: names[i]!, value: unquote(p) }));
}

/** At commas outside double quotes. */
function split(text: string): readonly string[] {
  return text.match(/(?:[^,"]|"(?:[^"]|"")*"|")+/g) ?? [text];
}

function unquote(text: string): string {
  const trimmed = text.trim();
  return /^"(?:[^"]|"")*"$/s.test(trimmed) ? trimmed.slice(1, -1).replaceAll('""', '"') : trimmed;
}

/** A key's value as a SQL literal of its column's type. @throws TRACE_UNKNOWN */
export function keyLiteral(table: StarTable | Staging, part: KeyPart): string {
  const type: StarType | StagingType = table.columns.find((c) => c.name === part.column)!.type;
  const fail = (wanted: string): never => {
    throw new SparkifyError('TRACE_UNKNOWN', {
      detail: `"${part.value}" cannot be the ${part.column} of ${table.name}: it is no ${wanted}`,
      fix: `Name a value of ${table.name}.${part.column} (${type}).`,
    });
  };
  switch (type) {
    case 'text':
      return literal(part.value);
    case 'bigint':
    case 'integer':
    case 'smallint':
      return /^-?\d{1,19}$/.test(part.value) ? part.value : fail('whole number');
    case 'double':
      return part.value !== '' && Number.isFinite(Number(part.value))
        ? `${Number(part.value)}::double`
        : fail('number');
    case 'boolean':
      return /^(true|false)$/.test(part.value) ? part.value : fail('true or false');
    case 'timestamp': {
      if (/^\d{12,13}$/.test(part.value)) return `make_timestamp(${part.value}000)`;
      const iso = part.value.replace(' ', 'T').replace(/(Z|\+00:00)?$/, 'Z');
      const ms = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(iso) ? Date.parse(iso) : Number.NaN;
      return Number.isNaN(ms) ? fail('time in UTC, such as 2018-11-01T21:01:46.796Z') : `make_timestamp(${ms}000)`;
    }
  }
}

/** `column = value and …` over an alias. */
export function keyCondition(table: StarTable | Staging, key: readonly KeyPart[], alias: string): string {
  return key.map((k) => `${alias}.${ident(k.column)} = ${keyLiteral(table, k)}`).join(' and ');
}
