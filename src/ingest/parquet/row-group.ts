import type { RecordColumns } from '../columns/record-columns.ts';
import { ByteSink } from './byte-sink.ts';
import { encodeColumn } from './column-encoder.ts';
import type { RowGroup } from './format.ts';

/** Turns filled columns into the bytes of row groups, one after the other. */
export class RowGroupEncoder {
  readonly #out = new ByteSink(1024 * 1024);

  /** The columns' rows as a row group; the bytes are valid until the next call. */
  encode(columns: RecordColumns): { readonly group: RowGroup; readonly bytes: Buffer } {
    const out = this.#out;
    out.clear();
    const { row: rows } = columns;
    const chunks = columns.columns.map((column) => encodeColumn(out, column, rows));
    return { group: { rows, sizeBytes: out.length, columns: chunks }, bytes: out.content() };
  }
}
