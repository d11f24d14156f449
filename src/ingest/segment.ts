import { mkdir, rm } from 'node:fs/promises';
import { SparkifyError } from '../core/errors.ts';
import type { Failpoints } from '../core/failpoints.ts';
import type { SqlSession } from '../warehouse/session.ts';
import { changedSince, type ScannedChunk } from './chunk-scan.ts';
import { convert, settle, unfinishedName } from './convert.ts';
import type { ScannedObject } from './scan/part.ts';
import type { ScanSpec } from './scan/spec.ts';
import type { QuarantinedRecord, StagedObject, StagedSegment } from './staged.ts';

/** How often a chunk is done again because a file that is read in place changed after its scan. */
const ATTEMPTS = 3;

export interface SegmentTarget {
  readonly spec: ScanSpec;
  readonly segmentsDirectory: string;
  /** Relative, with `/`. */
  readonly path: string;
  readonly session: SqlSession;
  readonly failpoints: Failpoints;
}

/** A chunk that is written: what it was scanned as in the end, and what makes it a durable segment. */
export interface WrittenChunk {
  readonly chunk: ScannedChunk;
  readonly settle: () => Promise<StagedSegment>;
}

/**
 * Writes a scanned chunk as a segment that is not durable yet, so that the next one can be written meanwhile. Files read in place are looked at once more afterwards; when one changed,
 * `scanAgain` is asked for the chunk anew.
 * @throws SOURCE_CHANGED, INGEST_MISMATCH, DISK_FULL
 */
export async function writeSegment(
  target: SegmentTarget,
  scanned: ScannedChunk,
  scanAgain: () => Promise<ScannedChunk>,
): Promise<WrittenChunk> {
  const { spec, segmentsDirectory, path, session, failpoints } = target;
  const absolute = `${segmentsDirectory}/${path}`;
  let chunk = scanned;
  for (let attempt = 1; ; attempt++) {
    let failure: unknown;
    try {
      const { files, objects } = chunk;
      await convert({ spec, files, objects, path: absolute, session, failpoints });
    } catch (error) {
      failure = error;
    }
    const changed = await changedSince(chunk.files);
    if (changed === undefined) {
      if (failure !== undefined) throw failure;
      const last = chunk;
      return { chunk: last, settle: async () => segmentOf(last, path, await settle(absolute, failpoints)) };
    }
    await rm(unfinishedName(absolute), { force: true });
    if (attempt === ATTEMPTS) {
      const object = chunk.objects[changed.firstObject]?.uri ?? changed.path;
      throw new SparkifyError('SOURCE_CHANGED', { object, detail: 'it is being written while it is read' });
    }
    await rm(chunk.spoolDirectory, { recursive: true, force: true });
    await mkdir(chunk.spoolDirectory, { recursive: true });
    chunk = await scanAgain();
  }
}

function segmentOf(chunk: ScannedChunk, path: string, sizeBytes: number): StagedSegment {
  const objects: StagedObject[] = [];
  const quarantined: QuarantinedRecord[] = [];
  let rows = 0;
  for (const [object, scanned] of chunk.objects.entries()) {
    for (const record of scanned.quarantined) quarantined.push({ object, ...record });
    objects.push(stagedObject(scanned, rows));
    rows += scanned.staged;
  }
  return { path, rows, sizeBytes, objects, quarantined };
}

/** Field by field: with a hundred thousand objects, copying by spread is what one waits for. */
function stagedObject(scanned: ScannedObject, firstRow: number): StagedObject {
  const { uri, version, sizeBytes, mtimeMs, read, staged, positions, drift, minEventMs, maxEventMs } = scanned;
  const quarantined = scanned.quarantined.length;
  const object: Writable<StagedObject> = {
    uri,
    version,
    sizeBytes,
    read,
    staged,
    quarantined,
    firstRow,
    positions,
    drift,
  };
  if (mtimeMs !== undefined) object.mtimeMs = mtimeMs;
  if (minEventMs !== undefined) object.minEventMs = minEventMs;
  if (maxEventMs !== undefined) object.maxEventMs = maxEventMs;
  return object;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
