import { setMaxListeners } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { SparkifyError } from '../../core/errors.ts';
import type { FetchedObject, ListedObject } from '../source.ts';
import type { Gotten } from './get.ts';

/** A batch ends with whichever comes first. */
const BATCH_BYTES = 64 * 1024 * 1024;
const BATCH_OBJECTS = 16_384;
/** What may be in memory ahead of the object that is written next. */
const AHEAD_BYTES = 64 * 1024 * 1024;
const WRITE_BYTES = 4 * 1024 * 1024;

export interface PackOptions {
  readonly directory: string;
  /** Objects fetched at the same time. */
  readonly lanes: number;
  /** Larger objects go straight to a file, and take no more memory than this. */
  readonly smallObjectBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** Fetches one object; `newPath` names a new file for one that is too large for memory. */
  readonly get: (object: ListedObject, newPath: () => string, signal: AbortSignal) => Promise<Gotten>;
}

/**
 * Fetches objects side by side and gives them back in their order: small ones behind each other in pack files, large
 * ones in files of their own. When it is left early or fails, what is under way is aborted and awaited.
 */
export async function* fetchPacked(
  objects: readonly ListedObject[],
  options: PackOptions,
): AsyncGenerator<readonly FetchedObject[]> {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  setMaxListeners(0, signal); // one listener for each request under way
  const ready: (Gotten | undefined)[] = [];
  const running = new Set<Promise<void>>();
  const memoryBytes = (object: ListedObject): number => Math.min(object.sizeBytes, options.smallObjectBytes);
  let failure: { readonly error: unknown } | undefined;
  let head = 0;
  let next = 0;
  let aheadBytes = 0;
  let wake: (() => void) | undefined;
  const files = new PackFiles(options.directory);

  const start = (index: number): void => {
    const object = objects[index]!;
    const one: Promise<void> = options
      .get(object, () => files.newPath('object'), signal)
      .then(
        (gotten) => {
          ready[index] = gotten;
        },
        (error: unknown) => {
          failure ??= { error };
        },
      )
      .finally(() => {
        running.delete(one);
        pump();
        if (index === head || failure !== undefined) wake?.();
      });
    running.add(one);
  };
  const pump = (): void => {
    while (failure === undefined && !signal.aborted && running.size < options.lanes && next < objects.length) {
      const bytes = memoryBytes(objects[next]!);
      if (next > head && aheadBytes + bytes > AHEAD_BYTES) return;
      aheadBytes += bytes;
      start(next++);
    }
  };

  let batch: FetchedObject[] = [];
  let batchBytes = 0;
  try {
    while (head < objects.length) {
      pump();
      if (failure !== undefined) throw failure.error;
      signal.throwIfAborted();
      const gotten = ready[head];
      if (gotten === undefined) {
        await files.write();
        if (ready[head] === undefined && failure === undefined)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        continue;
      }
      const object = objects[head]!;
      ready[head] = undefined;
      head++;
      aheadBytes -= memoryBytes(object);
      const place = gotten.bytes === undefined ? { path: gotten.path!, offset: 0 } : await files.add(gotten.bytes);
      batch.push({ object, ...place, lengthBytes: gotten.lengthBytes, version: gotten.version });
      batchBytes += gotten.lengthBytes;
      if (batchBytes >= BATCH_BYTES || batch.length >= BATCH_OBJECTS) {
        await files.finish();
        yield batch;
        batch = [];
        batchBytes = 0;
      }
    }
    await files.finish();
    if (batch.length > 0) yield batch;
  } finally {
    stop.abort();
    await Promise.all(running);
    await files.abandon();
  }
}

/** The pack being written. Closed → add opens one → finish closes it. */
class PackFiles {
  readonly #directory: string;
  readonly #tag = Math.random().toString(36).slice(2, 10);
  #serial = 0;
  #path = '';
  #handle: FileHandle | undefined;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #offset = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** A name no other fetch into the same directory uses. */
  newPath(kind: 'pack' | 'object'): string {
    return join(this.#directory, `${kind}-${this.#tag}-${String(this.#serial++).padStart(6, '0')}`);
  }

  async add(bytes: Buffer): Promise<{ path: string; offset: number }> {
    if (this.#handle === undefined) {
      this.#path = this.newPath('pack');
      this.#handle = await open(this.#path, 'wx');
      this.#offset = 0;
    }
    const place = { path: this.#path, offset: this.#offset };
    this.#offset += bytes.length;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= WRITE_BYTES) await this.write();
    return place;
  }

  async write(): Promise<void> {
    if (this.#handle === undefined || this.#pendingBytes === 0) return;
    const bytes = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending, this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
    try {
      for (let done = 0; done < bytes.length; ) done += (await this.#handle.write(bytes, done)).bytesWritten;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      throw new SparkifyError('DISK_FULL', { what: this.#path }, { cause: error });
    }
  }

  async finish(): Promise<void> {
    await this.write();
    await this.abandon();
  }

  async abandon(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    this.#pending = [];
    this.#pendingBytes = 0;
    await handle?.close();
  }
}
