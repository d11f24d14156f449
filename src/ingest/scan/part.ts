import type { FetchedObject } from '../../sources/source.ts';
import type { RowGroupFile } from '../parquet/assemble.ts';
import type { QuarantinedRecord, StagedObject } from '../staged.ts';

/** One object to scan, as a scan thread knows it: bytes `[offset, offset + lengthBytes)` of `path`. */
export interface PartInput {
  readonly uri: string;
  readonly path: string;
  readonly offset: number;
  readonly lengthBytes: number;
  /** Of a local file when it was listed. */
  readonly mtimeMs: number | undefined;
  /** Undefined: a local file, read to its present end and hashed. */
  readonly version: string | undefined;
}

/** A run of objects that one thread scans in a go. */
export interface ScanPart {
  readonly inputs: readonly FetchedObject[];
  /** Where its row groups go; the folder exists. */
  readonly spoolPath: string;
}

export function partInput({ object, path, offset, lengthBytes, version }: FetchedObject): PartInput {
  const mtimeMs = version === undefined ? object.mtimeMs : undefined;
  return { uri: object.uri, path, offset, lengthBytes, mtimeMs, version };
}

/** Its first row is counted within the part until the parts are joined. */
export interface ScannedObject extends Omit<StagedObject, 'firstRow'> {
  firstRow: number;
}

/** What became of a part's objects; their first rows and the rejected records' objects are counted within the part. */
export interface ScannedPart {
  readonly objects: readonly ScannedObject[];
  readonly quarantined: readonly QuarantinedRecord[];
  /** Undefined when no record was good. */
  readonly file: RowGroupFile | undefined;
}

/** Of an object whose records are as they should be. */
export const NO_DRIFT: StagedObject['drift'] = { unknown: {}, missing: {} };
export const NO_POSITIONS: StagedObject['positions'] = [];

type Optional = 'mtimeMs' | 'minEventMs' | 'maxEventMs';

/** Without what is undefined. Field by field: with a hundred thousand objects, copying is what one waits for. */
export function stagedObject(
  from: Omit<StagedObject, Optional> & { readonly [K in Optional]: number | undefined },
): ScannedObject {
  const { mtimeMs, minEventMs, maxEventMs } = from;
  const object: { -readonly [K in keyof StagedObject]: StagedObject[K] } = {
    uri: from.uri,
    version: from.version,
    sizeBytes: from.sizeBytes,
    read: from.read,
    staged: from.staged,
    quarantined: from.quarantined,
    firstRow: from.firstRow,
    positions: from.positions,
    drift: from.drift,
  };
  if (mtimeMs !== undefined) object.mtimeMs = mtimeMs;
  if (minEventMs !== undefined) object.minEventMs = minEventMs;
  if (maxEventMs !== undefined) object.maxEventMs = maxEventMs;
  return object;
}
