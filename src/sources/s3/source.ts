import { selectKeys } from '../selection.ts';
import type { Source } from '../source.ts';
import { s3Uri } from '../uri.ts';
import { connectS3, type S3Connection } from './connection.ts';
import { s3Error } from './failure.ts';
import { fetchPacked } from './fetch.ts';
import { getObject, getVersion } from './get.ts';
import { keepsVersions, listS3 } from './list.ts';
import { type Timing, withRetries } from './retry.ts';
import { resolveS3Settings, type S3Settings } from './settings.ts';

export interface S3Location {
  readonly bucket: string;
  /** `''` or with a final `/`. */
  readonly prefix: string;
}

/**
 * The keys under a prefix of a bucket as a source. Versions are version ids where the bucket keeps versions and lets us
 * list them, ETags (with their quotes) elsewhere.
 * @throws SOURCE_CREDENTIALS, SOURCE_UNREACHABLE
 */
export async function openS3Source(location: S3Location, settings: S3Settings, timing: Timing): Promise<Source> {
  const { bucket, prefix } = location;
  const connection = await connectS3(bucket, resolveS3Settings(settings), timing);
  const root = s3Uri(bucket, prefix);
  return {
    root,
    list: async (options) => {
      const listedAtMs = timing.nowMs();
      const selection = selectKeys(options);
      // Asked for each listing: versioning may be switched on meanwhile.
      const versioned = await keepsVersions(connection, options.signal);
      const found = await listS3(connection, prefix, selection, versioned, options.signal);
      return { root, ...found, listedAtMs };
    },
    fetch: (objects, options) =>
      fetchPacked(objects, {
        directory: options.directory,
        signal: options.signal,
        lanes: connection.settings.connections,
        smallObjectBytes: connection.settings.smallObjectBytes,
        get: (object, newPath, signal) =>
          getObject(connection, object, keyOf(connection, object.uri) ?? object.key, newPath, signal),
      }),
    readVersion: async (uri, version) => {
      const key = keyOf(connection, uri);
      return key?.startsWith(prefix) ? getVersion(connection, key, version) : undefined;
    },
    close: () => connection.close(),
  };
}

/** The key behind a URI of this bucket. */
function keyOf({ bucket }: S3Connection, uri: string): string | undefined {
  const start = s3Uri(bucket, '');
  return uri.startsWith(start) ? decodeURIComponent(uri.slice(start.length)) : undefined;
}

/** The text of one object as it is now. @throws SOURCE_NOT_FOUND and the other SOURCE_* codes */
export async function readS3Text(
  location: S3Location,
  key: string,
  settings: S3Settings,
  timing: Timing,
): Promise<string> {
  const connection = await connectS3(location.bucket, resolveS3Settings(settings), timing);
  const uri = s3Uri(location.bucket, key);
  try {
    const { attempts } = connection.settings;
    const response = await withRetries({ timing, attempts }, () => connection.http.send({ method: 'GET', key }));
    return Buffer.from(response.body).toString('utf8');
  } catch (error) {
    throw s3Error(error, { uri, action: 'read', isObject: true, endpoint: connection.endpoint });
  } finally {
    await connection.close();
  }
}
