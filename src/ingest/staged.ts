/** Why a record is in quarantine. */
export type QuarantineReason =
  | 'malformed_json'
  | 'invalid_utf8'
  | 'nul_character'
  | 'lone_surrogate'
  | 'several_values_on_a_line'
  | 'not_an_object'
  | 'object_too_large'
  | 'text_outside_json'
  | 'duplicate_field'
  | 'missing_field'
  | 'wrong_type'
  | 'out_of_range';

/** One rejected record, its raw bytes untouched. */
export interface QuarantinedRecord {
  /** Index into the objects of its segment. */
  readonly object: number;
  /** Number of the record in its object, from 0, over all records read (good and rejected). */
  readonly ordinal: number;
  /** Physical line on which it begins, from 1. */
  readonly line: number;
  readonly reason: QuarantineReason;
  /** Staging column (not field) it failed on, where there is one. */
  readonly column?: string;
  /** What was found and what was wanted, for a person. */
  readonly detail: string;
  readonly raw: Uint8Array;
}

/**
 * Where records stand in their object, run-length coded: from staged row `row` (from 0 within the object) on, the
 * ordinal is `ordinal + (n − row)` and the line `line + (n − row)`. Without steps, ordinal = row and line = row + 1.
 */
export interface PositionStep {
  readonly row: number;
  readonly ordinal: number;
  readonly line: number;
}

/** An object version after staging: `read = staged + quarantined`. */
export interface StagedObject {
  readonly uri: string;
  readonly version: string;
  readonly sizeBytes: number;
  readonly mtimeMs?: number;
  readonly read: number;
  readonly staged: number;
  readonly quarantined: number;
  /** Row of the segment with the object's first staged record. */
  readonly firstRow: number;
  /** Over the staged records; undefined without an event time or without records. */
  readonly minEventMs?: number;
  readonly maxEventMs?: number;
  readonly positions: readonly PositionStep[];
  /** Records with a field the staging does not have, and records without (not even null) an optional one, by field. */
  readonly drift: {
    readonly unknown: Readonly<Record<string, number>>;
    readonly missing: Readonly<Record<string, number>>;
  };
}

/** One immutable Parquet file of typed records, in the order of its objects and of their records, already fsynced and in place. */
export interface StagedSegment {
  /** Relative to the segments directory, with `/`. */
  readonly path: string;
  readonly rows: number;
  readonly sizeBytes: number;
  readonly objects: readonly StagedObject[];
  readonly quarantined: readonly QuarantinedRecord[];
}
