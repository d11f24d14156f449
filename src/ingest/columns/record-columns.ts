import type { StagingType } from '../../pipeline/column.ts';
import { Kernel } from '../kernel/kernel.ts';
import { BooleanColumn } from './boolean-column.ts';
import { DoubleColumn } from './double-column.ts';
import { IntegerColumn } from './integer-column.ts';
import { TextColumn } from './text-column.ts';

export type RecordColumn = TextColumn | IntegerColumn | DoubleColumn | BooleanColumn;

/** Rows of a row group; DuckDB's own number, which is good for its threads. */
const GROUP_ROWS = 122_880;
/** A row group ends early when its distinct texts take so much. */
export const GROUP_TEXT_BYTES = 32 * 1024 * 1024;

/**
 * The values of one row group, column by column. A record sets every column at `row`, then `commit` takes it; what was
 * set for a record that is not taken is overwritten by the next one. When `commit` says so, the row group is to be
 * written and cleared.
 */
export class RecordColumns {
  readonly columns: readonly RecordColumn[];
  /** Has their memory, and the text they are taken from. */
  readonly kernel: Kernel;
  /** Records taken, and where the next one's values go. */
  row = 0;
  /** Rows it can hold. */
  readonly capacity: number;

  constructor(types: readonly StagingType[], rows: number = GROUP_ROWS) {
    this.capacity = rows;
    this.kernel = new Kernel(rows);
    this.columns = types.map((type) => columnOf(type, this.kernel, rows));
  }

  /** Takes the values from `row` on as so many records; whether the row group is full. */
  commit(records = 1): boolean {
    this.row += records;
    return this.row === this.capacity || this.kernel.heldBytes > GROUP_TEXT_BYTES;
  }

  clear(): void {
    this.row = 0;
    for (const column of this.columns) column.clear();
  }
}

function columnOf(type: StagingType, kernel: Kernel, rows: number): RecordColumn {
  switch (type) {
    case 'text':
      return new TextColumn(kernel, rows);
    case 'integer':
      return new IntegerColumn(kernel, rows);
    case 'double':
      return new DoubleColumn(kernel, rows);
    case 'boolean':
      return new BooleanColumn(kernel, rows);
  }
}
