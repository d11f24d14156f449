import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { SparkifyError } from '../../core/errors.ts';
import type { ListedObject } from '../source.ts';
import { s3Uri } from '../uri.ts';
import type { S3Connection } from './connection.ts';
import { refusalCode, refusalStatus, S3BrokenBody, s3Error } from './failure.ts';
import type { ObjectResponse } from './http.ts';
import { versionOf } from './list.ts';
import { withRetries } from './retry.ts';

/** One object version in hand: its bytes in memory, or in a file of its own. */
export interface Gotten {
  readonly version: string;
  readonly lengthBytes: number;
  readonly bytes?: Buffer;
  readonly path?: string;
}

/** An object that changes more often than this while it is fetched is not waited for. */
const MAX_CHANGES = 4;

/** What is to be got: a version and the length it was seen with. */
interface Wanted {
  readonly version: string;
  readonly sizeBytes: number;
}

/**
 * Fetches the listed version of an object; when that is gone, the one that took its place (and says so in `version`).
 * @param newPath names a file for an object too large for memory
 * @throws SOURCE_UNREADABLE, SOURCE_CHANGED, SOURCE_CREDENTIALS, SOURCE_UNREACHABLE
 */
export async function getObject(
  connection: S3Connection,
  object: ListedObject,
  key: string,
  newPath: () => string,
  signal: AbortSignal,
): Promise<Gotten> {
  const context = { uri: object.uri, action: 'read', isObject: true, endpoint: connection.endpoint };
  const { timing, settings } = connection;
  const retry = { timing, attempts: settings.attempts, signal };
  let wanted: Wanted = { version: object.version ?? '', sizeBytes: object.sizeBytes };
  for (let changes = 0; ; changes++) {
    const now = wanted;
    try {
      const isLarge = now.sizeBytes > settings.smallObjectBytes;
      return await withRetries(retry, () =>
        isLarge ? getLarge(connection, key, now, newPath(), signal) : getSmall(connection, key, now, signal),
      );
    } catch (error) {
      signal.throwIfAborted();
      if (!isGone(error)) throw s3Error(error, context);
      if (changes === MAX_CHANGES)
        throw new SparkifyError(
          'SOURCE_CHANGED',
          { object: object.uri, detail: 'each look found another version' },
          { cause: error },
        );
      try {
        wanted = await withRetries(retry, () => lookAgain(connection, key, now.version, signal));
      } catch (lookError) {
        if (!isGone(lookError)) throw s3Error(lookError, context);
        throw new SparkifyError(
          'SOURCE_CHANGED',
          { object: object.uri, detail: 'it is gone since it was listed' },
          { cause: lookError },
        );
      }
    }
  }
}

/** All bytes of a version; undefined when the store no longer has it. */
export async function getVersion(
  connection: S3Connection,
  key: string,
  version: string,
): Promise<Uint8Array | undefined> {
  const { timing, settings, http, endpoint } = connection;
  try {
    return await withRetries({ timing, attempts: settings.attempts }, async () => {
      const response = await http.send({ method: 'GET', key, ...conditions(version) });
      verify(response, response.body.length, { version, sizeBytes: response.contentLength ?? response.body.length });
      return response.body;
    });
  } catch (error) {
    const isRefusedId = !version.startsWith('"') && refusalStatus(error) === 400;
    if (isGone(error) || isRefusedId) return undefined;
    throw s3Error(error, { uri: s3Uri(connection.bucket, key), action: 'read', isObject: true, endpoint });
  }
}

class VersionReplaced extends Error {}

/** Is the version asked for no longer what the key holds? A missing bucket is another matter. */
function isGone(error: unknown): boolean {
  const code = refusalCode(error);
  const status = refusalStatus(error);
  return (
    error instanceof VersionReplaced ||
    status === 412 ||
    (status === 404 && (code === 'NoSuchKey' || code === 'NoSuchVersion'))
  );
}

/** A version in quotes is an ETag, any other a version id. */
function conditions(version: string): { ifMatch?: string; versionId?: string } {
  if (version === '') return {};
  return version.startsWith('"') ? { ifMatch: version } : { versionId: version };
}

async function getSmall(connection: S3Connection, key: string, wanted: Wanted, signal: AbortSignal): Promise<Gotten> {
  const response = await connection.http.send({ method: 'GET', key, signal, ...conditions(wanted.version) });
  verify(response, response.body.length, wanted);
  return { version: wanted.version || (response.etag ?? ''), lengthBytes: response.body.length, bytes: response.body };
}

async function getLarge(
  connection: S3Connection,
  key: string,
  wanted: Wanted,
  path: string,
  signal: AbortSignal,
): Promise<Gotten> {
  const response = await connection.http.stream({ method: 'GET', key, signal, ...conditions(wanted.version) });
  const file = createWriteStream(path, { flags: 'wx', highWaterMark: 1024 * 1024 });
  try {
    await pipeline(response.body, file, { signal });
    verify(response, file.bytesWritten, wanted);
  } catch (error) {
    await rm(path, { force: true });
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      throw new SparkifyError('DISK_FULL', { what: path }, { cause: error });
    throw error;
  }
  return { version: wanted.version || (response.etag ?? ''), lengthBytes: file.bytesWritten, path };
}

/** The body must be as long as announced, and of the version and length that were asked for. */
function verify(response: Omit<ObjectResponse, 'body'>, lengthBytes: number, wanted: Wanted): void {
  if (response.contentLength !== undefined && response.contentLength !== lengthBytes)
    throw new S3BrokenBody(`${lengthBytes} of ${response.contentLength} bytes arrived`);
  const isEtag = wanted.version.startsWith('"');
  if (isEtag && response.etag !== undefined && response.etag !== wanted.version) throw new VersionReplaced();
  if (!isEtag && wanted.version !== '' && response.versionId !== undefined && response.versionId !== wanted.version)
    throw new VersionReplaced();
  if (lengthBytes !== wanted.sizeBytes) throw new S3BrokenBody(`${lengthBytes} of ${wanted.sizeBytes} bytes arrived`);
}

/** The version now behind the key, of the same kind (ETag or version id) as the one known. */
async function lookAgain(connection: S3Connection, key: string, known: string, signal: AbortSignal): Promise<Wanted> {
  const { etag, versionId, contentLength } = await connection.http.send({ method: 'HEAD', key, signal });
  return { version: versionOf(known.startsWith('"') ? undefined : versionId, etag), sizeBytes: contentLength ?? 0 };
}
