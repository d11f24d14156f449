import type { S3Settings } from '../../src/sources/index.ts';
import { type S3Server, startS3Server, testCredentials } from '../s3-server/index.ts';

/** The in-repo server, with a bucket for segments in which listings have several pages. */
export async function startBucket(): Promise<{ readonly server: S3Server; readonly s3: S3Settings }> {
  const server = await startS3Server({ buckets: { lake: {}, closed: { forbidden: true } }, pageKeys: 3 });
  return { server, s3: { endpoint: server.endpoint, region: 'us-east-1', ...testCredentials } };
}
