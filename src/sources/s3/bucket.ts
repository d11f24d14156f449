import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { SparkifyError } from '../../core/errors.ts';
import { s3Uri } from '../uri.ts';
import { connectS3, type S3Connection } from './connection.ts';
import { refusalCode, refusalStatus, S3BrokenBody, s3Error } from './failure.ts';
import { listKeys } from './list.ts';
import { type Timing, withRetries } from './retry.ts';
import { resolveS3Settings, type S3Settings } from './settings.ts';
import type { S3Location } from './source.ts';

/** What an object must be. */
export interface WantedContent {
  readonly sizeBytes: number;
  /** The beginning of its SHA-256, in hex. @default not looked at */
  readonly sha256?: string;
}

/** Objects below a prefix of a bucket, one by one; keys are relative to it. Errors carry SOURCE_* codes and never a secret. */
export interface Bucket {
  readonly root: string;
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Puts an object unless there is one; whether it did. */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean>;
  /** Puts a file and looks that it has arrived whole. */
  putFile(key: string, path: string, sha256: string, signal?: AbortSignal): Promise<void>;
  /** Undefined when there is no such object. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Brings an object into a new file, durably and whole, or leaves none and says why. */
  getFile(
    key: string,
    path: string,
    wanted: WantedContent,
    signal?: AbortSignal,
  ): Promise<'brought' | 'gone' | { readonly other: string }>;
  /** Undefined when there is no such object. */
  sizeOf(key: string): Promise<number | undefined>;
  /** Every key that begins so. */
  list(beginning: string): Promise<readonly string[]>;
  /** One that is gone already is no error. */
  remove(key: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens a prefix of a bucket. @throws SOURCE_CREDENTIALS, SOURCE_UNREACHABLE */
export async function openS3Bucket(location: S3Location, settings: S3Settings, timing: Timing): Promise<Bucket> {
  const connection = await connectS3(location.bucket, resolveS3Settings(settings), timing);
  return new S3Bucket(connection, location.prefix);
}

class S3Bucket implements Bucket {
  readonly root: string;
  readonly #connection: S3Connection;
  readonly #prefix: string;

  constructor(connection: S3Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.root = s3Uri(connection.bucket, prefix);
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#try('written', () => this.#send({ method: 'PUT', key, body: bytes }));
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    return this.#try('written', async () => {
      try {
        await this.#send({ method: 'PUT', key, body: bytes, ifAbsent: true });
        return true;
      } catch (error) {
        const status = refusalStatus(error);
        if (status === 412 || status === 409) return false;
        throw error;
      }
    });
  }

  async putFile(key: string, path: string, sha256: string, signal?: AbortSignal): Promise<void> {
    const handle = await open(path, 'r');
    const { size: sizeBytes } = await handle.stat().finally(() => handle.close());
    // The server compares the body with the hash that is signed; what it has then is looked at besides.
    await this.#try(
      'written',
      async () => {
        const { etag } = await this.#send({ method: 'PUT', key, body: { path, sizeBytes, sha256 }, signal });
        const there = await this.#send({ method: 'HEAD', key, signal });
        if (there.contentLength !== sizeBytes || there.etag !== etag)
          throw new S3BrokenBody(`${there.contentLength} of ${sizeBytes} bytes are there`);
      },
      signal,
    );
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#try('read', () =>
      orGone(async () => {
        const { body, contentLength = body.length } = await this.#send({ method: 'GET', key });
        if (body.length !== contentLength) throw new S3BrokenBody(`${body.length} of ${contentLength} bytes arrived`);
        return body;
      }),
    );
  }

  async getFile(
    key: string,
    path: string,
    wanted: WantedContent,
    signal?: AbortSignal,
  ): Promise<'brought' | 'gone' | { readonly other: string }> {
    // What comes wrong once was cut on its way; the same twice lies there so.
    const wrong = new Set<string>();
    const result = await this.#try(
      'read',
      () =>
        orGone(async () => {
          const found = await this.#download(key, path, signal);
          const problem = differenceOf(found, wanted);
          if (problem === undefined) return 'brought' as const;
          await rm(path, { force: true });
          if (wrong.has(found.sha256)) return { other: problem };
          wrong.add(found.sha256);
          throw new S3BrokenBody(problem);
        }),
      signal,
    );
    return result ?? 'gone';
  }

  async sizeOf(key: string): Promise<number | undefined> {
    return this.#try('read', () => orGone(async () => (await this.#send({ method: 'HEAD', key })).contentLength ?? 0));
  }

  async list(beginning: string): Promise<readonly string[]> {
    const keys = await listKeys(this.#connection, this.#prefix + beginning);
    return keys.map((key) => key.slice(this.#prefix.length));
  }

  async remove(key: string): Promise<void> {
    await this.#try('cleared', () => orGone(() => this.#send({ method: 'DELETE', key })));
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #send(request: Parameters<S3Connection['http']['send']>[0]): ReturnType<S3Connection['http']['send']> {
    return this.#connection.http.send({ ...request, key: this.#prefix + request.key });
  }

  async #try<T>(action: string, attempt: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { timing, settings, endpoint } = this.#connection;
    try {
      return await withRetries({ timing, attempts: settings.attempts, signal }, attempt);
    } catch (error) {
      signal?.throwIfAborted();
      throw s3Error(error, { uri: this.root, action, endpoint });
    }
  }

  /** Writes what comes into a new file, durably; a body that ended early leaves none. */
  async #download(key: string, path: string, signal: AbortSignal | undefined): Promise<Found> {
    const request = { method: 'GET', key: this.#prefix + key, signal } as const;
    const response = await this.#connection.http.stream(request);
    const hash = createHash('sha256');
    let sizeBytes = 0;
    try {
      const file = await open(path, 'wx');
      try {
        for await (const chunk of response.body as AsyncIterable<Buffer>) {
          hash.update(chunk);
          sizeBytes += chunk.length;
          await file.writeFile(chunk);
        }
        await file.sync();
      } finally {
        await file.close();
      }
      if (response.contentLength !== undefined && response.contentLength !== sizeBytes)
        throw new S3BrokenBody(`${sizeBytes} of ${response.contentLength} bytes arrived`);
      return { sizeBytes, sha256: hash.digest('hex') };
    } catch (error) {
      response.body.destroy();
      await rm(path, { force: true });
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOSPC' || code === 'EDQUOT')
        throw new SparkifyError('DISK_FULL', { what: path }, { cause: error });
      throw error;
    }
  }
}

interface Found {
  readonly sizeBytes: number;
  readonly sha256: string;
}

function differenceOf(found: Found, wanted: WantedContent): string | undefined {
  if (found.sizeBytes !== wanted.sizeBytes) return `it has ${found.sizeBytes} bytes instead of ${wanted.sizeBytes}`;
  if (wanted.sha256 === undefined || found.sha256.startsWith(wanted.sha256)) return undefined;
  return 'its content is another';
}

/** Undefined when the object asked for is not there; a missing bucket is another matter. */
async function orGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (refusalStatus(error) === 404 && refusalCode(error) === 'NoSuchKey') return undefined;
    throw error;
  }
}
