import type { RecordColumns } from '../columns/record-columns.ts';

/** Where the values of certified records go. */
export interface RecordSink {
  readonly columns: RecordColumns;
  /** Writes the rows away and clears the columns; called when a `commit` filled them. */
  flush(): void;
}
