import { SparkifyError } from '../../core/errors.ts';
import type { Selection } from '../selection.ts';
import type { ListedObject, Listing } from '../source.ts';
import { s3Uri } from '../uri.ts';
import type { S3Connection } from './connection.ts';
import { refusalCode, refusalStatus } from './failure.ts';
import { quotedEtag } from './http.ts';

/** Key prefixes listed at the same time. */
const LISTINGS_IN_FLIGHT = 8;

interface Found {
  /** The whole key in the bucket. */
  readonly key: string;
  readonly sizeBytes: number;
  readonly version: string;
}

interface Page {
  readonly found: readonly Found[];
  /** How to ask for the next page; undefined after the last. */
  readonly next: Readonly<Record<string, string>> | undefined;
}

type ReadPage = (
  prefix: string,
  from: Readonly<Record<string, string>>,
  options: { readonly abortSignal?: AbortSignal },
) => Promise<Page>;

/**
 * Lists the latest version of every object under the root prefix (`''` or with a final `/`).
 * @throws SOURCE_* when any page cannot be read: half a listing is no listing
 */
export async function listS3(
  connection: S3Connection,
  root: string,
  selection: Selection,
  versioned: boolean,
  signal: AbortSignal | undefined,
): Promise<Pick<Listing, 'objects' | 'skipped'>> {
  const uri = s3Uri(connection.bucket, root);
  const readPage = versioned ? versionPages(connection) : objectPages(connection);
  const objects: ListedObject[] = [];
  const skipped: { key: string; reason: string }[] = [];
  const abort = signal === undefined ? {} : { abortSignal: signal };
  let seen = 0;

  const listPrefix = async (prefix: string): Promise<void> => {
    let from: Readonly<Record<string, string>> | undefined = {};
    while (from !== undefined) {
      const start: Readonly<Record<string, string>> = from;
      const page: Page = await connection.call(
        { uri, action: 'listed' },
        () => readPage(root + prefix, start, abort),
        signal,
      );
      seen += page.found.length;
      for (const found of page.found) {
        const key = found.key.slice(root.length);
        if (key === '' || (found.key.endsWith('/') && found.sizeBytes === 0)) continue; // made by consoles to show a folder
        const verdict = selection.judge(key);
        if (verdict === 'take')
          objects.push({
            uri: s3Uri(connection.bucket, found.key),
            key,
            sizeBytes: found.sizeBytes,
            version: found.version,
          });
        else if (verdict !== 'leave') skipped.push({ key, reason: verdict.reason });
      }
      if (page.next !== undefined && JSON.stringify(page.next) === JSON.stringify(start)) throw brokenOff(uri);
      from = page.next;
    }
  };

  const left = [...selection.prefixes];
  const lane = async (): Promise<void> => {
    for (let prefix = left.shift(); prefix !== undefined; prefix = left.shift()) await listPrefix(prefix);
  };
  await Promise.all(Array.from({ length: Math.min(LISTINGS_IN_FLIGHT, left.length) }, lane));

  if (seen === 0) await requireRoot(connection, root, uri, signal);
  objects.sort((a, b) => (a.uri < b.uri ? -1 : 1));
  skipped.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { objects, skipped };
}

/** Nothing found is fine where the root exists: then it is the period that has no objects. */
async function requireRoot(
  connection: S3Connection,
  root: string,
  uri: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { sdk, client, bucket } = connection;
  const command = { Bucket: bucket, Prefix: root, MaxKeys: 1 };
  const answer = await connection.call(
    { uri, action: 'listed' },
    () => client.send(new sdk.ListObjectsV2Command(command)),
    signal,
  );
  if (root === '' || (answer.KeyCount ?? answer.Contents?.length ?? 0) > 0) return;
  const fix =
    'Check the prefix for a typo; it names a folder, so `s3://bucket/logs` stands for the keys under `logs/`.';
  throw new SparkifyError('SOURCE_NOT_FOUND', { source: uri, detail: 'no object lies under this prefix', fix });
}

function brokenOff(source: string): SparkifyError {
  return new SparkifyError('SOURCE_UNREACHABLE', { source, detail: 'the server broke the listing off in the middle' });
}

function objectPages({ sdk, client, bucket }: S3Connection): ReadPage {
  return async (Prefix, from, abort) => {
    const page = await client.send(
      new sdk.ListObjectsV2Command({ Bucket: bucket, Prefix, EncodingType: 'url', ...from }),
      abort,
    );
    const decode = decoder(page.EncodingType);
    if (page.IsTruncated && !page.NextContinuationToken) throw brokenOff(s3Uri(bucket, Prefix));
    return {
      found: (page.Contents ?? []).map((o) => ({
        key: decode(o.Key),
        sizeBytes: o.Size ?? 0,
        version: versionOf(undefined, o.ETag),
      })),
      next: page.IsTruncated ? { ContinuationToken: page.NextContinuationToken! } : undefined,
    };
  };
}

function versionPages({ sdk, client, bucket }: S3Connection): ReadPage {
  return async (Prefix, from, abort) => {
    const page = await client.send(
      new sdk.ListObjectVersionsCommand({ Bucket: bucket, Prefix, EncodingType: 'url', ...from }),
      abort,
    );
    const decode = decoder(page.EncodingType);
    if (page.IsTruncated && page.NextKeyMarker === undefined) throw brokenOff(s3Uri(bucket, Prefix));
    const latest = (page.Versions ?? []).filter((v) => v.IsLatest);
    const next: Record<string, string> = { KeyMarker: decode(page.NextKeyMarker) };
    if (page.NextVersionIdMarker !== undefined) next.VersionIdMarker = page.NextVersionIdMarker;
    return {
      found: latest.map((v) => ({
        key: decode(v.Key),
        sizeBytes: v.Size ?? 0,
        version: versionOf(v.VersionId, v.ETag),
      })),
      next: page.IsTruncated ? next : undefined,
    };
  };
}

/** Every key that begins so, in byte order. @throws SOURCE_* */
export async function listKeys(connection: S3Connection, prefix: string): Promise<readonly string[]> {
  const uri = s3Uri(connection.bucket, prefix);
  const readPage = objectPages(connection);
  const keys: string[] = [];
  for (let from: Page['next'] = {}; from !== undefined; ) {
    const start: Readonly<Record<string, string>> = from;
    const page: Page = await connection.call({ uri, action: 'listed' }, () => readPage(prefix, start, {}));
    keys.push(...page.found.map((f) => f.key));
    from = page.next;
  }
  return keys;
}

/**
 * A version as the ledger keeps it: the version id, or the ETag with its quotes, which tell the two apart. The id
 * "null" is that of objects written without versioning, whose content may change under it.
 */
export function versionOf(versionId: string | undefined, etag: string | undefined): string {
  return versionId === undefined || versionId === '' || versionId === 'null' ? (quotedEtag(etag) ?? '') : versionId;
}

/** Keys are listed URL-encoded, since XML cannot carry every character; some servers leave them as they are. */
function decoder(encoding: string | undefined): (key: string | undefined) => string {
  return encoding === 'url' ? (key) => decodeURIComponent((key ?? '').replaceAll('+', ' ')) : (key) => key ?? '';
}

const NO_VERSIONS = new Set([
  'AccessDenied',
  'NotImplemented',
  'MethodNotAllowed',
  'VersioningNotConfigured',
  'AllAccessDisabled',
]);

/** Does the bucket keep versions that we may list? Where that may not be asked, ETags serve as versions. */
export async function keepsVersions(connection: S3Connection, signal: AbortSignal | undefined): Promise<boolean> {
  const { sdk, client, bucket, settings } = connection;
  const uri = s3Uri(bucket, '');
  return connection.call(
    { uri, action: 'opened' },
    async () => {
      try {
        const { Status } = await client.send(new sdk.GetBucketVersioningCommand({ Bucket: bucket }));
        if (Status !== 'Enabled') return false;
        await client.send(new sdk.ListObjectVersionsCommand({ Bucket: bucket, MaxKeys: 1 }));
        return true;
      } catch (error) {
        const code = refusalCode(error) ?? '';
        if (NO_VERSIONS.has(code) || (settings.anonymous && refusalStatus(error) === 403)) return false;
        throw error;
      }
    },
    signal,
  );
}
