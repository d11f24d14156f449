import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { errorText, isSparkifyError, SparkifyError } from '../core/errors.ts';
import { type Failpoints, noFailpoints } from '../core/failpoints.ts';
import type { FreeBytes } from '../core/free-bytes.ts';
import type { Staging } from '../pipeline/tables.ts';
import type { SegmentStore } from '../segments/store.ts';
import type { ListedObject, Source } from '../sources/source.ts';
import type { SqlSession } from '../warehouse/session.ts';
import { type IsKnown, type ScannedChunk, scanChunk, type UnchangedObject } from './chunk-scan.ts';
import { type Chunk, chunksOf } from './chunks.ts';
import { checkDiskSpace } from './disk-space.ts';
import { parseJsonPaths } from './json-paths.ts';
import { SPOOL_FOLDER } from './orphans.ts';
import { inlinePool, type ScanPool } from './scan/pool.ts';
import { type ScanSpec, scanSpec } from './scan/spec.ts';
import { type ScanThreads, scanThreads } from './scan/threads.ts';
import { unfinishedName, writeSegment } from './segment.ts';
import type { StagedSegment } from './staged.ts';

export interface IngestRequest {
  readonly staging: Staging;
  readonly source: Source;
  /** To be read, in the order their records shall have. */
  readonly objects: readonly ListedObject[];
  /** Where they last; its folder is made when missing. */
  readonly segments: SegmentStore;
  /** Below it, where the segments and the spool lie. @default '' */
  readonly folder?: string;
  /** A DuckDB that may read the segments; used only while the generator runs. */
  readonly session: SqlSession;
  /** Whether this version of an object is staged already. @default none is */
  readonly isKnown?: IsKnown;
  readonly failpoints?: Failpoints;
  readonly progress?: (done: number, total: number, unit: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Input of one segment. @default 128 MB */
  readonly chunkBytes?: number;
  /** Scan threads; 0 scans in this one. @default 2, or 0 for little input */
  readonly workers?: number;
  /** Used instead of own threads, and left open unless the generator ends early. */
  readonly threads?: ScanThreads;
  /** Names segments: unique, sortable, fit for a file name. */
  readonly newId?: () => string;
  /** Reads the jsonpaths file. @default local files */
  readonly readText?: (path: string) => Promise<string>;
  /** @default what the file system says */
  readonly freeBytes?: FreeBytes;
}

export interface IngestSummary {
  /** Objects that turned out to be known already; they are in no segment. */
  readonly unchanged: readonly UnchangedObject[];
}

const DEFAULT_CHUNK_BYTES = 128 * 1024 * 1024;

/** Below both, scanning takes less time than starting threads. */
const INLINE_BYTES = 16 * 1024 * 1024;
const INLINE_OBJECTS = 2_000;

/**
 * Reads objects into immutable Parquet segments, each yielded once it is durable; records that are not exactly as the
 * staging declares are in their segment's quarantine. While one segment is recorded by the caller, the next one is written
 * and the chunks after it are scanned. Ending the generator early (or `signal`) leaves finished segments and no other files.
 * @throws SOURCE_UNREADABLE, SOURCE_CHANGED, JSONPATHS_INVALID, INGEST_MISMATCH, DISK_FULL_AHEAD, DISK_FULL
 */
export async function* ingest(request: IngestRequest): AsyncGenerator<StagedSegment, IngestSummary> {
  const { staging, objects, segments, isKnown, session, signal } = request;
  const unchanged: UnchangedObject[] = [];
  if (objects.length === 0) return { unchanged };
  const spec = await specOf(request);
  const newId = request.newId ?? timeOrderedId;
  const failpoints = request.failpoints ?? noFailpoints;
  const chunkBytes = request.chunkBytes ?? DEFAULT_CHUNK_BYTES;
  const inputBytes = objects.reduce((sum, o) => sum + o.sizeBytes, 0);
  const { directory } = segments;
  const home = request.folder === undefined ? '' : `${request.folder}/`;
  const spool = `${directory}/${home}${SPOOL_FOLDER}/${newId()}`;
  const fetchDirectory = `${spool}/fetched`;
  mkdirSync(`${directory}/${home}${staging.name}`, { recursive: true });
  mkdirSync(fetchDirectory, { recursive: true });
  const { pool, release } = threadsFor(request, inputBytes);
  let ended = false;
  const ahead: Promise<Scanning | undefined>[] = [];
  let writing: Promise<() => Promise<StagedSegment | undefined>> | undefined;
  let settling: Promise<StagedSegment | undefined> | undefined;
  let unfinished: string | undefined;
  try {
    const fetched = objects.some((o) => o.version !== undefined);
    await checkDiskSpace(directory, { inputBytes, chunkBytes, fetched }, request.freeBytes);
    const files = fetched ? new FetchedFiles(fetchDirectory) : undefined;
    const fetchOptions = { directory: fetchDirectory, ...(signal === undefined ? {} : { signal }) };
    const chunks = chunksOf(request.source.fetch(objects, fetchOptions), chunkBytes);
    let number = 0;
    const scanNext = async (): Promise<Scanning | undefined> => {
      const next = await chunks.next();
      if (next.done === true) return undefined;
      const chunk = next.value;
      files?.arrived(chunk);
      failpoints.hit('spool.before');
      const scanned = await scanChunk(chunk, pool, spec, `${spool}/${number++}`, isKnown);
      failpoints.hit('spool.after');
      return { chunk, scanned };
    };
    const start = () => {
      const scan = abortable(scanNext(), signal);
      // Met again when it is awaited; until then it must not count as unhandled.
      scan.catch(() => undefined);
      ahead.push(scan);
    };
    let done = 0;
    const write = async ({ chunk, scanned }: Scanning): Promise<() => Promise<StagedSegment | undefined>> => {
      let settle = async (): Promise<StagedSegment | undefined> => undefined;
      if (scanned.objects.length > 0) {
        const path = `${home}${staging.name}/${newId()}.parquet`;
        unfinished = unfinishedName(`${directory}/${path}`);
        settle = await writeSegment({ spec, segments, path, session, failpoints, signal }, scanned);
      }
      unchanged.push(...scanned.unchanged);
      await rm(scanned.spoolDirectory, { recursive: true, force: true });
      await files?.release(chunk);
      done += chunk.objects;
      request.progress?.(done, objects.length, 'objects');
      return settle;
    };
    // Of the chunks under way two are scanned, so that no thread waits for another one's part, one is written, and one is
    // made durable and recorded by the caller.
    start();
    for (start(); ; ) {
      if (settling !== undefined) {
        // A segment that is ready does not wait for objects that are still on their way.
        const segment = await Promise.race([settling, ahead[0]?.then(() => undefined)]);
        if (segment !== undefined) {
          settling = undefined;
          signal?.throwIfAborted();
          yield segment;
        }
      }
      const scanning = await ahead.shift();
      if (scanning !== undefined) start();
      writing = scanning === undefined ? undefined : write(scanning);
      writing?.catch(() => undefined);
      const segment = await settling;
      settling = undefined;
      signal?.throwIfAborted();
      if (segment !== undefined) yield segment;
      if (writing === undefined) {
        ended = true;
        return { unchanged };
      }
      settling = (await writing)();
      settling.catch(() => undefined);
    }
  } finally {
    await release(ended);
    await Promise.allSettled([...ahead, writing, settling]);
    if (unfinished !== undefined) await rm(unfinished, { force: true });
    await rm(spool, { recursive: true, force: true, maxRetries: 3 });
  }
}

interface Scanning {
  readonly chunk: Chunk;
  readonly scanned: ScannedChunk;
}

async function specOf(request: IngestRequest): Promise<ScanSpec> {
  const { staging, readText = readLocalText } = request;
  if (staging.jsonPaths === undefined) return scanSpec(staging);
  const file = staging.jsonPaths;
  let text: string;
  try {
    text = await readText(file);
  } catch (error) {
    if (isSparkifyError(error)) throw error;
    throw new SparkifyError('JSONPATHS_INVALID', { file, detail: errorText(error) }, { cause: error });
  }
  return scanSpec(staging, parseJsonPaths(text, file, staging.columns.length));
}

async function readLocalText(path: string): Promise<string> {
  return readFile(path.startsWith('file:') ? fileURLToPath(path) : path, 'utf8');
}

/** The pool to scan with, and what is done with it at the end: scans that were given up are not waited for. */
function threadsFor(
  request: IngestRequest,
  inputBytes: number,
): { readonly pool: ScanPool; release(ended: boolean): Promise<void> } {
  const { objects, workers, threads } = request;
  const little = inputBytes < INLINE_BYTES && objects.length < INLINE_OBJECTS;
  if (workers === 0 || (workers === undefined && little)) {
    const pool = inlinePool();
    return { pool, release: () => pool.close() };
  }
  const used = threads ?? scanThreads(workers);
  return { pool: used.pool(), release: async (ended) => (ended && threads !== undefined ? undefined : used.close()) };
}

/** Sorts by time; two runs of one millisecond still differ. */
function timeOrderedId(): string {
  return `${Date.now().toString(36).padStart(9, '0')}-${randomBytes(6).toString('hex')}`;
}

/** `work`, or the signal's reason as soon as it is aborted. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  // It may fail after nobody waits for it any more.
  work.catch(() => undefined);
  signal.throwIfAborted();
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** The files that the source brought into its directory, removed when no chunk needs them any more. */
class FetchedFiles {
  readonly #prefix: string;
  readonly #uses = new Map<string, number>();
  #latest = '';

  constructor(directory: string) {
    this.#prefix = `${directory}/`;
  }

  arrived(chunk: Chunk): void {
    for (const { path } of chunk.parts.flat()) {
      if (!path.startsWith(this.#prefix)) continue;
      this.#uses.set(path, (this.#uses.get(path) ?? 0) + 1);
      this.#latest = path;
    }
  }

  /** The chunk is done. The latest file stays: objects packed into it may still come. */
  async release(chunk: Chunk): Promise<void> {
    for (const { path } of chunk.parts.flat()) {
      const uses = this.#uses.get(path);
      if (uses !== undefined) this.#uses.set(path, uses - 1);
    }
    for (const [path, uses] of this.#uses) {
      if (uses > 0 || path === this.#latest) continue;
      this.#uses.delete(path);
      await rm(path, { force: true });
    }
  }
}
