import { createHash } from 'node:crypto';

/** A value of a star row. Timestamps are epoch milliseconds; integers that are not safe numbers are bigints. */
export type Cell = string | number | bigint | boolean | null;
export type Row = readonly Cell[];

/** How a column is written as text: `double` drops a trailing `.0` and the sign of zero, the others are plain. */
export type ColumnType = 'integer' | 'double' | 'text' | 'timestamp' | 'boolean';

/** Order of text as UTF-8 bytes, which is the order of code points and not the order of JavaScript's UTF-16 units. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}

function cellText(cell: string | number | bigint | boolean, type: ColumnType): string {
  if (type === 'text') return cell as string;
  if (type === 'double') return Object.is(cell, -0) ? '0' : String(cell);
  return String(cell);
}

/** NULL as `N`, anything else as `V<bytes>:<text>`; so NULL differs from empty, and no two rows share a text. */
export function canonicalText(row: Row, types: readonly ColumnType[]): string {
  if (row.length !== types.length) throw new Error(`a row of ${row.length} cells for ${types.length} columns`);
  let text = '';
  for (const [i, cell] of row.entries()) {
    if (cell === null) {
      text += 'N';
      continue;
    }
    const value = cellText(cell, types[i]!);
    text += `V${Buffer.byteLength(value, 'utf8')}:${value}`;
  }
  return text;
}

/** MD5 of the canonical text, in lower-case hex. */
export function contentHash(row: Row, types: readonly ColumnType[]): string {
  return createHash('md5').update(canonicalText(row, types), 'utf8').digest('hex');
}

/** Sum modulo 2^64 over the rows of the first eight bytes (big-endian, unsigned) of the MD5 of the canonical text. */
export function tableChecksum(rows: Iterable<Row>, types: readonly ColumnType[]): bigint {
  let sum = 0n;
  for (const row of rows) {
    sum += createHash('md5').update(canonicalText(row, types), 'utf8').digest().readBigUInt64BE(0);
  }
  return sum & 0xffff_ffff_ffff_ffffn;
}
