import type { Interval } from '../pipeline/interval.ts';
import type { LookAtFiles } from './local/look.ts';

/** One object as a listing saw it. */
export interface ListedObject {
  /** Absolute: `file:///…` (percent-encoded) or `s3://bucket/key`. The identity of the object. */
  readonly uri: string;
  /** Below the root, with `/` between its parts. */
  readonly key: string;
  readonly sizeBytes: number;
  /** S3: versionId, else ETag. Local: unknown until the content is hashed. */
  readonly version?: string;
  /** Local: modification time in epoch milliseconds. */
  readonly mtimeMs?: number;
}

export interface Listing {
  /** The root as an absolute URI with a final `/`. */
  readonly root: string;
  /** In byte order of their URIs. */
  readonly objects: readonly ListedObject[];
  /** Keys under the root that are not read, each with its reason (does not fit the template, no regular file, …). */
  readonly skipped: readonly { readonly key: string; readonly reason: string }[];
  readonly listedAtMs: number;
}

export interface ListOptions {
  /** Endings that make a key an object of the source. */
  readonly endings: readonly string[];
  readonly template?: string;
  /** With a template: only keys whose period overlaps this interval (already widened by lookback and lookahead). */
  readonly interval?: Interval;
  readonly signal?: AbortSignal;
  /** Looks at local files in other threads. @default in this one */
  readonly lookAside?: LookAtFiles;
}

/** The bytes of an object at hand: `lengthBytes` from `offset` in the file `path`. */
export interface FetchedObject {
  readonly object: ListedObject;
  readonly path: string;
  readonly offset: number;
  readonly lengthBytes: number;
  /** The version these bytes are of; for local files undefined, the scan hashes them. */
  readonly version?: string;
}

/** A place where objects lie. Reads only; errors carry SOURCE_* codes and never a secret. */
export interface Source {
  readonly root: string;
  list(options: ListOptions): Promise<Listing>;
  /**
   * Makes the objects readable as local bytes, in the order given, in batches. Local files are named in place; remote
   * ones are brought into `directory` (small ones packed into large files), which the caller removes.
   */
  fetch(
    objects: readonly ListedObject[],
    options: { readonly directory: string; readonly signal?: AbortSignal },
  ): AsyncIterable<readonly FetchedObject[]>;
  /** All bytes of one object at a known version, for `trace`; undefined when that version is gone. */
  readVersion(uri: string, version: string): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}
