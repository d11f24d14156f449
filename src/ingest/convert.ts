import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorText, isSparkifyError, SparkifyError } from '../core/errors.ts';
import type { Failpoints } from '../core/failpoints.ts';
import { ident, literal } from '../core/quoting.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { CertifiedFile, ScannedObject } from './scan/part.ts';
import { certifiedField, type ScanSpec } from './scan/spec.ts';

/** The engine's bound for one record; the scanner's is exactly half of where the engine really stops. */
const ENGINE_RECORD_BYTES = 16 * 1024 * 1024;

const sqlTypes = { text: 'VARCHAR', integer: 'BIGINT', double: 'DOUBLE', boolean: 'BOOLEAN' } as const;

export interface Conversion {
  readonly spec: ScanSpec;
  readonly files: readonly CertifiedFile[];
  /** The objects that the files' indices mean, for errors. */
  readonly objects: readonly ScannedObject[];
  /** Absolute path of the segment. */
  readonly path: string;
  readonly session: SqlSession;
  readonly failpoints: Failpoints;
}

/** The name of a segment until it is durable. */
export function unfinishedName(path: string): string {
  return `${path}.tmp`;
}

/**
 * Writes certified files as one Parquet file, rows in order, under its unfinished name; `settle` puts it in place. All
 * or nothing.
 * @throws INGEST_MISMATCH when the engine reads another number of records than were certified, DISK_FULL
 */
export async function convert(conversion: Conversion): Promise<void> {
  const { path, session, failpoints, files } = conversion;
  const unfinished = unfinishedName(path);
  failpoints.hit('segment.before');
  try {
    const expected = files.reduce((sum, f) => sum + f.rows, 0);
    try {
      await session.exec(
        `copy (${selection(conversion.spec, files)}) to ${literal(unfinished)} (format parquet, compression snappy)`,
      );
    } catch (error) {
      if (isSparkifyError(error) && error.code === 'DISK_FULL') throw diskFull(path, error);
      throw await culprit(conversion, error);
    }
    const [counted] = await session.all<{ rows: number }>(
      `select sum(num_rows)::bigint as rows from parquet_file_metadata(${literal(globless(unfinished))})`,
    );
    if (counted?.rows !== expected) throw await culprit(conversion);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** Puts a written segment in place durably; its size in bytes. */
export async function settle(path: string, failpoints: Failpoints): Promise<number> {
  const unfinished = unfinishedName(path);
  try {
    const sizeBytes = await sync(unfinished);
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

function selection(spec: ScanSpec, files: readonly CertifiedFile[]): string {
  if (files.length === 0) {
    const nulls = spec.columns.map((c) => `null::${sqlTypes[c.type]} as ${ident(c.name)}`);
    return `select ${nulls.join(', ')} where false`;
  }
  const columns = spec.columns.map((c) => `${ident(certifiedField(spec, c))} as ${ident(c.name)}`);
  return `select ${columns.join(', ')} from ${reading(spec, files)}`;
}

function reading(spec: ScanSpec, files: readonly CertifiedFile[]): string {
  const paths = files.map((f) => literal(globless(f.path)));
  // Explicit columns: the engine must not guess (dates in text, numbers in quotes).
  const columns = spec.columns.map((c) => `${literal(certifiedField(spec, c))}: '${sqlTypes[c.type]}'`);
  return `read_json([${paths.join(', ')}], format = 'newline_delimited', auto_detect = false, records = true,
    compression = 'uncompressed', hive_partitioning = false, maximum_object_size = ${ENGINE_RECORD_BYTES},
    columns = {${columns.join(', ')}})`;
}

/** The path as a pattern that matches itself alone. */
function globless(path: string): string {
  return path.replace(/[*?[]/gu, '[$&]');
}

/** Finds the file whose records the engine does not read as they were certified, and names its object. */
async function culprit(conversion: Conversion, cause?: unknown): Promise<SparkifyError> {
  const { spec, files, objects, session } = conversion;
  for (const file of files) {
    let found = 0;
    try {
      // Every column is cast only when it is asked for.
      const counts = spec.columns.map((c) => `count(${ident(certifiedField(spec, c))})`);
      const [row] = await session.all<{ n: number }>(
        `select count(*)::bigint as n, ${counts.join(', ')} from ${reading(spec, [file])}`,
      );
      found = row?.n ?? 0;
    } catch (error) {
      cause ??= error;
    }
    if (found === file.rows) continue;
    const first = objects[file.firstObject]?.uri ?? file.path;
    const last = objects[file.endObject - 1]?.uri ?? file.path;
    const object = first === last ? first : `${first} … ${last}`;
    return new SparkifyError('INGEST_MISMATCH', { object, expected: file.rows, found }, { cause });
  }
  if (isSparkifyError(cause)) return cause;
  return new SparkifyError(
    'INTERNAL',
    { detail: cause === undefined ? 'a segment has another number of rows than its files' : errorText(cause) },
    { cause },
  );
}

function diskFull(path: string, cause: unknown): SparkifyError {
  return new SparkifyError('DISK_FULL', { what: `the segment ${path}` }, { cause });
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
