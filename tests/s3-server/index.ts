import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type StoredVersion, TestBucket } from './bucket.ts';
import { type Fault, Faults, type Operation } from './faults.ts';
import { type TestCredentials, verifySignature } from './sigv4.ts';
import { errorXml, type ListingPage, objectsXml, versioningXml, versionsXml } from './xml.ts';

export type { TestBucket } from './bucket.ts';
export type { Fault, Operation } from './faults.ts';
export type { TestCredentials } from './sigv4.ts';

export interface BucketOptions {
  readonly versioning?: boolean;
  readonly publicRead?: boolean;
  /** Every signed request is answered with AccessDenied. */
  readonly forbidden?: boolean;
  readonly objects?: Readonly<Record<string, string | Uint8Array>>;
}

export interface S3ServerOptions {
  readonly buckets: Readonly<Record<string, BucketOptions>>;
  readonly credentials?: readonly TestCredentials[];
  readonly faults?: readonly Fault[];
  /** @default 'us-east-1' */
  readonly region?: string;
  /** Keys in a page of a listing. @default 1000 */
  readonly pageKeys?: number;
  /** The server's clock, which it also tells in its Date header. @default the system's */
  readonly nowMs?: () => number;
}

export interface S3Server {
  readonly endpoint: string;
  readonly faults: Faults;
  /** Operation and key of every request that was answered or broken off, in order. */
  readonly requests: readonly { readonly operation: Operation; readonly key: string }[];
  bucket(name: string): TestBucket;
  stop(): Promise<void>;
}

/** The default pair of keys. */
export const testCredentials: TestCredentials = { accessKeyId: 'AKIATEST', secretAccessKey: 'secret/of+tests' };

/** Starts the server on a free loopback port. */
export async function startS3Server(options: S3ServerOptions): Promise<S3Server> {
  const credentials = options.credentials ?? [testCredentials];
  const region = options.region ?? 'us-east-1';
  const pageKeys = options.pageKeys ?? 1000;
  const nowMs = options.nowMs ?? (() => Date.now());
  const faults = new Faults(options.faults);
  const requests: { operation: Operation; key: string }[] = [];
  const buckets = new Map<string, TestBucket>();
  for (const [name, b] of Object.entries(options.buckets)) {
    const bucket = new TestBucket(name, b);
    for (const [key, content] of Object.entries(b.objects ?? {})) bucket.put(key, content);
    buckets.set(name, bucket);
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    response.setHeader('Date', new Date(nowMs()).toUTCString());
    const answer = (status: number, xml = '', headers: Record<string, string> = {}): void => {
      response.writeHead(status, {
        'content-type': 'application/xml',
        'content-length': Buffer.byteLength(xml),
        ...headers,
      });
      response.end(request.method === 'HEAD' ? undefined : xml);
    };
    const fail = (status: number, code: string, message = code): void => answer(status, errorXml(code, message));

    const [rawPath = '', rawQuery = ''] = request.url!.split(/\?(.*)/s);
    const [, bucketName = '', ...keyParts] = rawPath.split('/');
    const key = decodeURIComponent(keyParts.join('/'));
    const query = new URLSearchParams(rawQuery);
    const operation = operationOf(request.method!, key, query);
    if (operation === undefined) return fail(501, 'NotImplemented');
    requests.push({ operation, key });

    const bucket = buckets.get(decodeURIComponent(bucketName));
    const fault = faults.strike(operation, key);
    if (fault?.kind === 'error') return fail(fault.status, fault.code);
    if (fault?.kind === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    if (fault?.kind === 'change') bucket?.put(key, fault.content);
    if (fault?.kind === 'remove') bucket?.remove(key);

    const verdict = verifySignature(request, body, { credentials, region, nowMs: nowMs() });
    if (verdict === 'anonymous') {
      if (!(bucket?.isPublic && /^(Get|Head)Object$|^ListObjectsV2$|^HeadBucket$/.test(operation)))
        return bucket === undefined ? fail(404, 'NoSuchBucket') : fail(403, 'AccessDenied');
    } else if (verdict !== undefined) return fail(verdict.status, verdict.code, verdict.message);
    if (bucket === undefined) return fail(404, 'NoSuchBucket', 'The specified bucket does not exist');
    if (bucket.isForbidden) return fail(403, 'AccessDenied', 'Access Denied');

    switch (operation) {
      case 'HeadBucket':
        return answer(200, '', { 'x-amz-bucket-region': region });
      case 'GetBucketVersioning':
        return answer(200, versioningXml(bucket.versioning));
      case 'ListObjectsV2':
      case 'ListObjectVersions':
        return list(bucket, operation, query, pageKeys, answer);
      case 'PutObject': {
        const there = bucket.get(key);
        if (request.headers['if-none-match'] === '*' && there !== undefined && !there.isDeleteMarker)
          return fail(412, 'PreconditionFailed');
        const stored = bucket.put(key, body);
        return answer(200, '', { etag: stored.etag, ...versionHeader(bucket, stored) });
      }
      case 'DeleteObject': {
        const versionId = query.get('versionId');
        if (versionId === null) bucket.remove(key);
        else bucket.removeVersion(key, versionId);
        return answer(204);
      }
      default:
        return sendObject(bucket, key, { request, response, query, fault, fail });
    }
  };

  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    requests,
    bucket: (name) => {
      const bucket = buckets.get(name);
      if (bucket === undefined) throw new Error(`the test server has no bucket ${name}`);
      return bucket;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function operationOf(method: string, key: string, query: URLSearchParams): Operation | undefined {
  if (key !== '') {
    const byMethod = { GET: 'GetObject', HEAD: 'HeadObject', PUT: 'PutObject', DELETE: 'DeleteObject' } as const;
    return byMethod[method as keyof typeof byMethod];
  }
  if (method === 'HEAD') return 'HeadBucket';
  if (method !== 'GET') return undefined;
  if (query.has('versioning')) return 'GetBucketVersioning';
  if (query.has('versions')) return 'ListObjectVersions';
  return query.get('list-type') === '2' ? 'ListObjectsV2' : undefined;
}

function versionHeader(bucket: TestBucket, stored: StoredVersion): Record<string, string> {
  return bucket.versioning ? { 'x-amz-version-id': stored.versionId } : {};
}

function list(
  bucket: TestBucket,
  operation: 'ListObjectsV2' | 'ListObjectVersions',
  query: URLSearchParams,
  pageKeys: number,
  answer: (status: number, xml: string) => void,
): void {
  const prefix = query.get('prefix') ?? '';
  const max = Math.min(pageKeys, Number(query.get('max-keys') ?? pageKeys));
  const isLatest = (v: StoredVersion): boolean => bucket.get(v.key) === v;
  const isObjects = operation === 'ListObjectsV2';
  let all = bucket.versions(prefix);
  if (isObjects) all = all.filter((v) => isLatest(v) && !v.isDeleteMarker);
  const token = query.get('continuation-token');
  const after = isObjects
    ? token === null
      ? null
      : Buffer.from(token, 'base64url').toString()
    : query.get('key-marker');
  if (after !== null) {
    const versionMarker = query.get('version-id-marker');
    const at = all.findIndex((v) => v.key === after && (versionMarker === null || v.versionId === versionMarker));
    all = all.slice(at + 1);
  }
  const versions = all.slice(0, max);
  const more = all.length > max ? versions.at(-1) : undefined;
  const page: ListingPage = {
    bucket: bucket.name,
    prefix,
    isUrlEncoded: query.get('encoding-type') === 'url',
    versions,
    more,
    isLatest,
  };
  answer(200, isObjects ? objectsXml(page) : versionsXml(page));
}

interface ObjectAnswer {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly fault: Fault | undefined;
  readonly fail: (status: number, code: string) => void;
}

async function sendObject(
  bucket: TestBucket,
  key: string,
  { request, response, query, fault, fail }: ObjectAnswer,
): Promise<void> {
  const versionId = query.get('versionId') ?? undefined;
  const stored = bucket.get(key, versionId);
  if (stored === undefined || stored.isDeleteMarker)
    return fail(404, versionId === undefined ? 'NoSuchKey' : 'NoSuchVersion');
  const ifMatch = request.headers['if-match'];
  if (ifMatch !== undefined && ifMatch !== stored.etag) return fail(412, 'PreconditionFailed');
  const half = stored.bytes.subarray(0, stored.bytes.length >> 1);
  const bytes = fault?.kind === 'short-body' ? half : stored.bytes;
  response.writeHead(200, { etag: stored.etag, 'content-length': bytes.length, ...versionHeader(bucket, stored) });
  if (request.method === 'HEAD') response.end();
  else if (fault?.kind === 'reset-mid-body') response.write(half, () => request.socket.resetAndDestroy());
  else if (fault?.kind === 'stalled-body') response.write(half);
  else if (fault?.kind === 'slow-body') {
    for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 10)) {
      response.write(bytes.subarray(at, at + Math.ceil(bytes.length / 10)));
      await nextTurn();
    }
    response.end();
  } else response.end(bytes);
}
