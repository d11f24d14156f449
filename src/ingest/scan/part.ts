import type { RowGroup } from '../parquet/format.ts';
import type { ObjectTotals } from './tally.ts';

/** One object to scan: bytes `[offset, offset + lengthBytes)` of `path`; plain data, it crosses threads. */
export interface PartInput {
  readonly uri: string;
  readonly path: string;
  readonly offset: number;
  readonly lengthBytes: number;
  /** Undefined: a local file, read to its present end and hashed. */
  readonly version?: string;
}

/** A run of objects that one thread scans in a go. */
export interface ScanPart {
  readonly inputs: readonly PartInput[];
  /** Where its row groups go; the folder exists. */
  readonly spoolPath: string;
}

export interface ScannedObject extends ObjectTotals {
  readonly uri: string;
  readonly version: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number | undefined;
}

/** Row groups of a segment, one behind the other in a file of nothing else, in the order of the records. */
export interface PartFile {
  readonly path: string;
  readonly groups: readonly RowGroup[];
}

export interface ScannedPart {
  readonly objects: readonly ScannedObject[];
  /** Undefined when no record was good. */
  readonly file: PartFile | undefined;
}
