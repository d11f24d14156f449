import type { SourceRecord } from './records.ts';

/**
 * `winner`: the row is made of it · `duplicate`: it has the key of the winner's record and lost to it · `lookup`: it
 * gave what the fact looks up · `staged`: a record of a staging, for itself.
 */
export type TraceRole = 'winner' | 'duplicate' | 'lookup' | 'staged';

export interface TracedRecord extends SourceRecord {
  readonly role: TraceRole;
  /** Columns of the traced row whose values come from this record. */
  readonly gives: readonly string[];
  /** Name of the lookup, for role `lookup`. */
  readonly lookup?: string;
  /** What became of a `staged` record. */
  readonly fate?: string;
}
