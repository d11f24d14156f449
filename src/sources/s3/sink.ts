import { type Sink, sinkOf } from '../sink.ts';
import { s3Uri } from '../uri.ts';
import { connectS3 } from './connection.ts';
import { s3Error } from './failure.ts';
import { type Timing, withRetries } from './retry.ts';
import { resolveS3Settings, type S3Settings } from './settings.ts';
import type { S3Location } from './source.ts';

const WRITES_IN_FLIGHT = 32;

/**
 * Writes objects under a prefix with PutObject; S3 shows each whole or not at all.
 * @throws SOURCE_CREDENTIALS, SOURCE_UNREACHABLE, and at write or close SOURCE_NOT_FOUND, SOURCE_ACCESS_DENIED
 */
export async function openS3Sink(location: S3Location, settings: S3Settings, timing: Timing): Promise<Sink> {
  const { bucket, prefix } = location;
  const connection = await connectS3(bucket, resolveS3Settings(settings), timing);
  const put = async (key: string, body: Uint8Array): Promise<void> => {
    try {
      await withRetries({ timing, attempts: connection.settings.attempts }, () =>
        connection.http.send({ method: 'PUT', key: prefix + key, body }),
      );
    } catch (error) {
      throw s3Error(error, { uri: s3Uri(bucket, prefix), action: 'written', endpoint: connection.endpoint });
    }
  };
  return sinkOf(s3Uri(bucket, prefix), WRITES_IN_FLIGHT, put, () => connection.close());
}
