import type { ResultColumn, SqlValue } from '../warehouse/session.ts';

/**
 * A value as text: timestamps ISO 8601 with Z and milliseconds, dates as days, doubles shortest round-trip, bytes as
 * `\x…` in hexadecimal; NULL stays null.
 */
export function valueText(value: SqlValue, column: ResultColumn): string | null {
  if (value === null) return null;
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) return null;
    return column.type === 'date' ? value.toISOString().slice(0, 10) : value.toISOString();
  }
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  return Object.is(value, -0) ? '0' : String(value);
}

/** A value as JSON: safe integers and finite doubles are numbers, other numbers strings. */
export function valueJson(value: SqlValue, column: ResultColumn): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  return JSON.stringify(valueText(value, column));
}

/** A row as a JSON object. Of columns with one name the last would win in every parser, so later ones get a number. */
export function rowJson(row: readonly SqlValue[], columns: readonly ResultColumn[]): string {
  const parts = row.map((value, i) => `${JSON.stringify(columns[i]!.name)}:${valueJson(value, columns[i]!)}`);
  return `{${parts.join(',')}}`;
}

/** A row as a CSV record (RFC 4180), without its line end: NULL is empty, the empty text is `""`. */
export function rowCsv(row: readonly SqlValue[], columns: readonly ResultColumn[]): string {
  return row.map((value, i) => csvField(valueText(value, columns[i]!))).join(',');
}

export function csvField(text: string | null): string {
  if (text === null) return '';
  return text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Columns with distinct names: `id, id` becomes `id, id_1`. */
export function distinctColumns(columns: readonly ResultColumn[]): readonly ResultColumn[] {
  const seen = new Set<string>();
  return columns.map((column) => {
    let name = column.name;
    for (let n = 1; seen.has(name); n++) name = `${column.name}_${n}`;
    seen.add(name);
    return name === column.name ? column : { ...column, name };
  });
}

/** Bytes for people, in steps of 1000. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
