import { createHash } from 'node:crypto';
import { ident, qualified } from '../core/quoting.ts';
import type { StagingType, StarType } from '../pipeline/column.ts';
import type { Dialect } from './dialect.ts';
import type { SqlSession, SqlValue } from './session.ts';

export interface ChecksumColumn {
  readonly name: string;
  readonly type: StarType | StagingType;
}

export interface TableChecksum {
  readonly rows: number;
  /** 16 hexadecimal digits. */
  readonly checksum: string;
}

/**
 * The checksum of a table: independent of the order of its rows, equal on every engine. It is the sum modulo 2^64,
 * over the rows, of the first eight bytes (big-endian) of the MD5 of the row's canonical text; see `canonicalRow`.
 * Rows with a double whose text differs between engines (below 1e-4, from 1e15 on, not finite) are streamed and hashed
 * here, all others inside the engine.
 */
export async function tableChecksum(
  session: SqlSession,
  dialect: Dialect,
  table: { readonly schema: string; readonly table: string; readonly columns: readonly ChecksumColumn[] },
): Promise<TableChecksum> {
  const { columns } = table;
  const from = qualified(table.schema, table.table);
  const doubles = columns.filter((c) => c.type === 'double').map((c) => ident(c.name));
  const plain = doubles
    .map((x) => `(${x} is null or ${x} = 0 or (abs(${x}) >= 1e-4 and abs(${x}) < 1e15))`)
    .join(' and ');
  const [inside] = await session.all<{ row_count: number; total: number | bigint | null }>(
    `select count(*) as row_count, sum(${dialect.hash64(rowText(dialect, columns))}) as total
     from ${from}${plain === '' ? '' : ` where ${plain}`}`,
  );
  let rows = Number(inside!.row_count);
  let total = BigInt(inside!.total ?? 0);
  if (plain !== '') {
    const texts = columns.map((c) => c.type === 'text');
    // The driver drops a byte order mark at the start of a text; a mark of our own in front saves it.
    const values = columns.map((c, i) => (texts[i] ? `'=' || ${ident(c.name)}` : ident(c.name))).join(', ');
    for await (const batch of session.stream(`select ${values} from ${from} where not (${plain})`)) {
      for (const row of batch.rows)
        total += hash64(canonicalRow(row.map((v, i) => (texts[i] && typeof v === 'string' ? v.slice(1) : v))));
      rows += batch.rows.length;
    }
  }
  return { rows, checksum: BigInt.asUintN(64, total).toString(16).padStart(16, '0') };
}

/** Canonical text of a row as a SQL expression; the same text as `canonicalRow`'s. */
function rowText(dialect: Dialect, columns: readonly ChecksumColumn[]): string {
  const fields = columns.map((c) => {
    const text = dialect.canonicalText(ident(c.name), c.type);
    return `case when ${ident(c.name)} is null then 'N' else 'V' || ${dialect.byteLength(text)} || ':' || ${text} end`;
  });
  return fields.length === 0 ? "''" : fields.join(' || ');
}

/**
 * Canonical text of a row: per value `N` for NULL, else `V`, its length in UTF-8 bytes, `:` and its text. Numbers are
 * written as JavaScript does (shortest round trip, −0 as 0), timestamps in epoch milliseconds, booleans as true/false.
 */
export function canonicalRow(values: readonly SqlValue[]): string {
  return values
    .map((value) => {
      if (value === null) return 'N';
      const text = value instanceof Date ? String(value.getTime()) : String(value);
      return `V${Buffer.byteLength(text)}:${text}`;
    })
    .join('');
}

function hash64(text: string): bigint {
  return createHash('md5').update(text).digest().readBigUInt64BE(0);
}
