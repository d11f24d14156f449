import type { StagingType } from '../../pipeline/column.ts';
import { BooleanColumn } from './boolean-column.ts';
import { DoubleColumn } from './double-column.ts';
import { IntegerColumn } from './integer-column.ts';
import { TextColumn } from './text-column.ts';

export type RecordColumn = TextColumn | IntegerColumn | DoubleColumn | BooleanColumn;

/** Rows of a row group; DuckDB's own number, which is good for its threads. */
const GROUP_ROWS = 122_880;
/** A row group ends early when its distinct texts take so much. */
const GROUP_TEXT_BYTES = 32 * 1024 * 1024;

/**
 * The values of one row group, column by column. A record sets every column at `row`, then `commit` takes it; what was
 * set for a record that is not taken is overwritten by the next one. When `commit` says so, the row group is to be
 * written and cleared.
 */
export class RecordColumns {
  readonly columns: readonly RecordColumn[];
  /** Records taken, and where the next one's values go. */
  row = 0;
  /** Rows it can hold. */
  readonly capacity: number;
  readonly #texts = { sizeBytes: 0 };

  constructor(types: readonly StagingType[], rows: number = GROUP_ROWS) {
    this.capacity = rows;
    this.columns = types.map((type) => columnOf(type, rows, this.#texts));
  }

  /** Takes the values at `row` as a record; whether the row group is full. */
  commit(): boolean {
    return ++this.row === this.capacity || this.#texts.sizeBytes > GROUP_TEXT_BYTES;
  }

  clear(): void {
    this.row = 0;
    this.#texts.sizeBytes = 0;
    for (const column of this.columns) column.clear();
  }
}

function columnOf(type: StagingType, rows: number, held: { sizeBytes: number }): RecordColumn {
  switch (type) {
    case 'text':
      return new TextColumn(rows, held);
    case 'integer':
      return new IntegerColumn(rows);
    case 'double':
      return new DoubleColumn(rows);
    case 'boolean':
      return new BooleanColumn(rows);
  }
}
