import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SparkifyError } from '../core/errors.ts';
import type { Failpoints } from '../core/failpoints.ts';
import { ident, literal } from '../core/quoting.ts';
import type { SegmentStore } from '../segments/store.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { ScannedChunk } from './chunk-scan.ts';
import { assembleParquet } from './parquet/assemble.ts';
import type { ScanSpec } from './scan/spec.ts';
import type { StagedSegment } from './staged.ts';

export interface SegmentTarget {
  readonly spec: ScanSpec;
  readonly segments: SegmentStore;
  /** Relative, with `/`. */
  readonly path: string;
  /** Counts the rows. */
  readonly session: SqlSession;
  readonly failpoints: Failpoints;
  readonly signal?: AbortSignal | undefined;
}

/** The name of a segment until it is durable. */
export function unfinishedName(path: string): string {
  return `${path}.tmp`;
}

/**
 * Writes a scanned chunk as a segment under its unfinished name; what it gives makes the segment durable and puts it in
 * place. All or nothing.
 * @throws INGEST_MISMATCH when the engine reads another number of rows than were certified, DISK_FULL
 */
export async function writeSegment(target: SegmentTarget, chunk: ScannedChunk): Promise<() => Promise<StagedSegment>> {
  const { spec, segments, path, failpoints, signal } = target;
  const absolute = `${segments.directory}/${path}`;
  const unfinished = unfinishedName(absolute);
  failpoints.hit('segment.before');
  try {
    await guarded(absolute, () => assembleParquet(unfinished, spec.columns, chunk.files));
    await compareRows(target, chunk, unfinished);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  const { rows, objects, quarantined } = chunk;
  return async () => {
    const sizeBytes = await settle(absolute, failpoints);
    return { path: await segments.keep(path, { failpoints, signal }), rows, sizeBytes, objects, quarantined };
  };
}

/** The engine that will read the file reads one column of it: another judge than the one that wrote it. */
async function compareRows(target: SegmentTarget, chunk: ScannedChunk, file: string): Promise<void> {
  const { rows: expected } = chunk;
  const { columns } = target.spec;
  const column = columns.find((c) => c.required) ?? columns[0]!;
  const [counted] = await target.session.all<{ rows: number; values: number }>(
    `select count(*)::bigint as rows, count(${ident(column.name)})::bigint as "values" from read_parquet(${literal(globless(file))})`,
  );
  const found = column.required ? Math.min(counted!.rows, counted!.values) : counted!.rows;
  if (found === expected) return;
  const [first, last] = [chunk.objects[0]?.uri, chunk.objects.at(-1)?.uri];
  const object = first === last ? `${first}` : `${first} … ${last}`;
  throw new SparkifyError('INGEST_MISMATCH', { object, expected, found });
}

/** The path as a pattern that matches itself alone. */
function globless(path: string): string {
  return path.replace(/[*?[]/gu, '[$&]');
}

/** Puts a written segment in place durably; its size in bytes. */
async function settle(path: string, failpoints: Failpoints): Promise<number> {
  const unfinished = unfinishedName(path);
  try {
    const sizeBytes = await guarded(path, () => sync(unfinished));
    failpoints.hit('segment.after-write');
    await rename(unfinished, path);
    await sync(dirname(path));
    failpoints.hit('segment.after');
    return sizeBytes;
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** Makes a file or a folder durable; its size. */
async function sync(path: string): Promise<number> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  return (await stat(path)).size;
}

async function guarded<T>(segment: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG')
      throw new SparkifyError('DISK_FULL', { what: `the segment ${segment}` }, { cause: error });
    throw error;
  }
}
