import { SparkifyError } from '../core/errors.ts';
import { openLocalSink } from './local/sink.ts';
import { openLocalSource } from './local/source.ts';
import { parseLocation } from './location.ts';
import type { Bucket } from './s3/bucket.ts';
import { systemTiming, type Timing } from './s3/retry.ts';
import type { S3Settings } from './s3/settings.ts';
import type { Sink } from './sink.ts';
import type { Source } from './source.ts';
import { maskUrl } from './uri.ts';

export { contentVersion } from './local/source.ts';
export type { Bucket } from './s3/bucket.ts';
export type { Timing } from './s3/retry.ts';
export type { S3Settings } from './s3/settings.ts';
export type { Sink } from './sink.ts';
export type { FetchedObject, ListedObject, Source } from './source.ts';

export interface SourceOptions {
  /** What a relative path is relative to. */
  readonly cwd: string;
  /** Nothing is read from the environment but what the AWS default chain reads. @default {} */
  readonly s3?: S3Settings;
  /** @default the system's clock, chance and timers */
  readonly timing?: Timing;
}

/**
 * Opens a folder (path or `file://`) or `s3://bucket/prefix` for reading.
 * @throws SOURCE_URL_INVALID, SOURCE_NOT_FOUND, SOURCE_ACCESS_DENIED, SOURCE_CREDENTIALS, SOURCE_UNREACHABLE
 */
export async function openSource(url: string, options: SourceOptions): Promise<Source> {
  const location = parseLocation(url, options.cwd);
  const timing = options.timing ?? systemTiming;
  if (location.kind === 'local') return openLocalSource(location.root, { clock: timing });
  // Only now: a run over folders loads neither undici nor the AWS SDK.
  const { openS3Source } = await import('./s3/source.ts');
  return openS3Source(location, options.s3 ?? {}, timing);
}

/** Opens the same for writing; a missing folder is made, a missing bucket is not. @throws as openSource */
export async function openSink(url: string, options: SourceOptions): Promise<Sink> {
  const location = parseLocation(url, options.cwd);
  if (location.kind === 'local') return openLocalSink(location.root);
  const { openS3Sink } = await import('./s3/sink.ts');
  return openS3Sink(location, options.s3 ?? {}, options.timing ?? systemTiming);
}

/**
 * Opens `s3://bucket/prefix` for objects that are written, read and removed one by one.
 * @throws SOURCE_URL_INVALID, SOURCE_CREDENTIALS, SOURCE_UNREACHABLE
 */
export async function openBucket(url: string, options: SourceOptions): Promise<Bucket> {
  const location = parseLocation(url, options.cwd);
  if (location.kind === 'local')
    throw new SparkifyError('SOURCE_URL_INVALID', { url: maskUrl(url), detail: 'it is no bucket' });
  const { openS3Bucket } = await import('./s3/bucket.ts');
  return openS3Bucket(location, options.s3 ?? {}, options.timing ?? systemTiming);
}
