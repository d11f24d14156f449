import type { S3Client } from '@aws-sdk/client-s3';
import { type FailureContext, s3Error } from './failure.ts';
import { S3Http } from './http.ts';
import { type Timing, withRetries } from './retry.ts';
import type { ResolvedS3Settings } from './settings.ts';
import type { S3Credentials } from './signing.ts';

/** One bucket, reached in two ways: the SDK for what is rare and intricate, own signed requests for objects. */
export interface S3Connection {
  readonly bucket: string;
  /** As shown to people: scheme and host of the server. */
  readonly endpoint: string;
  readonly settings: ResolvedS3Settings;
  readonly timing: Timing;
  readonly sdk: typeof import('@aws-sdk/client-s3');
  readonly client: S3Client;
  readonly http: S3Http;
  /** Runs an SDK call with our retries; its failure is that of the source `uri`. */
  call<T>(what: Pick<FailureContext, 'uri' | 'action'>, run: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  close(): Promise<void>;
}

/** Where the SDK would send a request for the bucket. */
interface BucketAddress {
  readonly protocol: string;
  readonly host: string;
  /** Encoded, without a final `/`. */
  readonly path: string;
}

/**
 * Loads the SDK (only now: runs over folders do not pay for it) and finds credentials, region and address.
 * @throws SOURCE_CREDENTIALS, SOURCE_UNREACHABLE
 */
export async function connectS3(bucket: string, settings: ResolvedS3Settings, timing: Timing): Promise<S3Connection> {
  const sdk = await import('@aws-sdk/client-s3');
  const credentials = settings.anonymous ? undefined : await credentialsOf(settings);
  const make = (region: string | undefined): S3Client =>
    new sdk.S3Client({
      ...(region === undefined ? {} : { region }),
      ...(settings.profile === undefined ? {} : { profile: settings.profile }),
      ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint, forcePathStyle: true }),
      ...(credentials === undefined
        ? { credentials: { accessKeyId: '', secretAccessKey: '' }, signer: { sign: async (request) => request } }
        : { credentials }),
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      followRegionRedirects: true,
      requestHandler: {
        connectionTimeout: Math.min(10_000, settings.timeoutMs),
        socketTimeout: settings.timeoutMs,
        requestTimeout: settings.timeoutMs,
        throwOnRequestTimeout: true,
      },
    });

  const uri = `s3://${bucket}/`;
  try {
    let client = make(settings.region);
    let region = await client.config.region().catch(() => undefined);
    if (region === undefined) {
      region = 'us-east-1';
      client = make(region);
    }
    let address = await addressOf(sdk, client, bucket);
    if (settings.region === undefined && /\.amazonaws\.com(\.cn)?$/.test(address.host)) {
      const actual = await regionOfBucket(`${address.protocol}//${address.host}${address.path}`, settings.timeoutMs);
      if (actual !== undefined && actual !== region) {
        region = actual;
        client.destroy();
        client = make(region);
        address = await addressOf(sdk, client, bucket);
      }
    }
    const provider = client.config.credentials;
    const http = new S3Http({
      ...address,
      region,
      settings,
      timing,
      credentials: credentials === undefined ? undefined : async (): Promise<S3Credentials> => provider(),
    });
    const endpoint = `${address.protocol}//${address.host}`;
    return {
      bucket,
      endpoint,
      settings,
      timing,
      sdk,
      client,
      http,
      call: async (what, run, signal) => {
        try {
          return await withRetries({ timing, attempts: settings.attempts, signal }, run);
        } catch (error) {
          signal?.throwIfAborted();
          throw s3Error(error, { ...what, endpoint });
        }
      },
      close: async () => {
        client.destroy();
        await http.close();
      },
    };
  } catch (error) {
    throw s3Error(error, { uri, action: 'opened', endpoint: settings.endpoint ?? 'AWS' });
  }
}

async function credentialsOf(settings: ResolvedS3Settings): Promise<() => Promise<S3Credentials>> {
  const { accessKeyId, secretAccessKey, sessionToken, profile, roleArn, region } = settings;
  const providers = await import('@aws-sdk/credential-providers');
  const base =
    accessKeyId !== undefined && secretAccessKey !== undefined
      ? async (): Promise<S3Credentials> => ({
          accessKeyId,
          secretAccessKey,
          ...(sessionToken === undefined ? {} : { sessionToken }),
        })
      : providers.fromNodeProviderChain({
          ...(profile === undefined ? {} : { profile }),
          ...(region === undefined ? {} : { clientConfig: { region } }),
        });
  if (roleArn === undefined) return base;
  const assumed = providers.fromTemporaryCredentials({
    masterCredentials: base,
    params: { RoleArn: roleArn, RoleSessionName: 'sparkify' },
    ...(region === undefined ? {} : { clientConfig: { region } }),
  });
  return async () => assumed();
}

/** Lets the SDK resolve the endpoint as it does for every request (settings, environment, profile), and sends nothing. */
async function addressOf(
  sdk: typeof import('@aws-sdk/client-s3'),
  client: S3Client,
  bucket: string,
): Promise<BucketAddress> {
  const command = new sdk.HeadBucketCommand({ Bucket: bucket });
  let found: BucketAddress | undefined;
  command.middlewareStack.add(
    () => async (args) => {
      const request = args.request as { protocol: string; hostname: string; port?: number; path: string };
      const isDefaultPort = request.port === undefined || request.port === (request.protocol === 'https:' ? 443 : 80);
      found = {
        protocol: request.protocol,
        host: isDefaultPort ? request.hostname : `${request.hostname}:${request.port}`,
        path: request.path.replace(/\/+$/, ''),
      };
      return { output: { $metadata: {} }, response: {} } as never;
    },
    { step: 'build', name: 'captureAddress', priority: 'low' },
  );
  await client.send(command);
  if (found === undefined) throw new Error('the SDK resolved no endpoint');
  return found;
}

/** AWS names the region of any bucket, also to those who may not read it. Undefined when it cannot be asked. */
async function regionOfBucket(url: string, timeoutMs: number): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(Math.min(5_000, timeoutMs));
    const response = await fetch(url, { method: 'HEAD', redirect: 'manual', signal });
    return response.headers.get('x-amz-bucket-region') ?? undefined;
  } catch {
    return undefined;
  }
}
