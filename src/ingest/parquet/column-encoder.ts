import type { RecordColumn } from '../columns/record-columns.ts';
import type { ByteSink } from './byte-sink.ts';
import { type ColumnChunk, ENCODING } from './format.ts';
import { putDataPage, putDictionaryPage } from './pages.ts';

/** Puts the first `rows` values of a column: at most a dictionary page, and one data page. */
export function encodeColumn(out: ByteSink, column: RecordColumn, rows: number): ColumnChunk {
  const offset = out.length;
  const { encoding, entries, nulls, page, dictionary, extremes } = column.encode(rows);
  if (entries > 0) putDictionaryPage(out, { content: dictionary, encoding: ENCODING.plain, values: entries });
  const dictionaryBytes = out.length - offset;
  putDataPage(out, { content: page, encoding, values: rows });
  const sizeBytes = out.length - offset;
  if (extremes === undefined) {
    return { offset, sizeBytes, dictionaryBytes, encoding, nulls, min: undefined, max: undefined };
  }
  const { least, greatest } = extremes;
  const [min, max] =
    column.type === 'integer'
      ? [int64Bytes(BigInt(least)), int64Bytes(BigInt(greatest))]
      : // As the format wants it: readers may tell the zeros apart.
        [
          doubleBytes(Number(least) === 0 ? -0 : Number(least)),
          doubleBytes(Number(greatest) === 0 ? 0 : Number(greatest)),
        ];
  return { offset, sizeBytes, dictionaryBytes, encoding, nulls, min, max };
}

function int64Bytes(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}

function doubleBytes(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}
