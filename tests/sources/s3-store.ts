import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3Settings, Timing } from '../../src/sources/index.ts';
import { startS3Server, testCredentials } from '../s3-server/index.ts';
import { ODD_KEYS, type TestStore } from './contract.ts';

/** Real time without waiting: backoff is skipped. */
export const impatient: Timing = { nowMs: () => Date.now(), random: () => 0.5, sleep: async () => {} };

export interface S3StoreOptions {
  readonly settings: S3Settings & { readonly endpoint: string };
  readonly bucket: string;
  readonly keepsVersions: boolean;
  readonly oddKeys?: readonly string[];
  readonly stop: () => Promise<void>;
}

/** Prefixes of a bucket on any S3 server, written to by the AWS SDK. */
export function s3Store(options: S3StoreOptions): TestStore {
  const { settings, bucket } = options;
  const client = sdkClient(settings);
  let serial = 0;
  return {
    options: { cwd: '/', s3: { ...settings, smallObjectBytes: 100_000 }, timing: impatient },
    oddKeys: options.oddKeys ?? ODD_KEYS,
    keepsVersions: options.keepsVersions,
    newRoot: async () => {
      const prefix = `root ${++serial}/sub`;
      return {
        url: `s3://${bucket}/${prefix}`,
        put: async (key, content) => {
          await client.send(
            new PutObjectCommand({ Bucket: bucket, Key: `${prefix}/${key}`, Body: Buffer.from(content as Uint8Array) }),
          );
        },
        remove: async (key) => {
          await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: `${prefix}/${key}` }));
        },
      };
    },
    stop: async () => {
      client.destroy();
      await options.stop();
    },
  };
}

export function sdkClient(settings: S3Settings & { readonly endpoint: string }): S3Client {
  return new S3Client({
    endpoint: settings.endpoint,
    region: settings.region ?? 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: settings.accessKeyId ?? '', secretAccessKey: settings.secretAccessKey ?? '' },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

/** The in-repo server, with pages of seven keys so that every listing has several. */
export async function inRepoStore(versioning: boolean): Promise<TestStore> {
  const server = await startS3Server({ buckets: { music: { versioning } }, pageKeys: 7 });
  const settings = { endpoint: server.endpoint, region: 'us-east-1', ...testCredentials };
  return s3Store({ settings, bucket: 'music', keepsVersions: versioning, stop: () => server.stop() });
}
