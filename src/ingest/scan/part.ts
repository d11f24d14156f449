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
  /** Spool files are named so, with a number behind; their folder exists. */
  readonly spoolPrefix: string;
}

export interface ScannedObject extends ObjectTotals {
  readonly uri: string;
  readonly version: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number | undefined;
}

/** A file of certified lines for the engine, in the order of the records. */
export interface CertifiedFile {
  readonly path: string;
  readonly rows: number;
  /** Spooled, to be removed; otherwise an object's own file, which must still be as `sizeBytes` and `mtimeMs` say. */
  readonly spooled: boolean;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** The objects it holds records of: the first's index in the part and the number behind the last. */
  readonly firstObject: number;
  readonly endObject: number;
}

export interface ScannedPart {
  readonly objects: readonly ScannedObject[];
  readonly files: readonly CertifiedFile[];
}
