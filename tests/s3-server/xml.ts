import type { StoredVersion } from './bucket.ts';

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** As S3 does under `encoding-type=url`: form encoding, a space as `+`. */
const urlEncode = (text: string): string => encodeURIComponent(text).replaceAll('%20', '+').replaceAll('%2F', '/');

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
const DATE = '2018-12-01T00:00:00.000Z';

export function errorXml(code: string, message: string): string {
  return `${HEAD}<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message><RequestId>1</RequestId></Error>`;
}

export function versioningXml(enabled: boolean): string {
  const status = enabled ? '<Status>Enabled</Status>' : '';
  return `${HEAD}<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${status}</VersioningConfiguration>`;
}

export interface ListingPage {
  readonly bucket: string;
  readonly prefix: string;
  readonly isUrlEncoded: boolean;
  readonly versions: readonly StoredVersion[];
  /** The last version of the page when there are more. */
  readonly more: StoredVersion | undefined;
  readonly isLatest: (version: StoredVersion) => boolean;
}

export function objectsXml(page: ListingPage): string {
  const name = page.isUrlEncoded ? urlEncode : (t: string) => t;
  const contents = page.versions.map(
    (v) =>
      `<Contents><Key>${escapeXml(name(v.key))}</Key><LastModified>${DATE}</LastModified><ETag>${escapeXml(v.etag)}</ETag><Size>${v.bytes.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  const token =
    page.more === undefined
      ? ''
      : `<NextContinuationToken>${Buffer.from(page.more.key).toString('base64url')}</NextContinuationToken>`;
  return `${HEAD}<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${page.bucket}</Name><Prefix>${escapeXml(name(page.prefix))}</Prefix>${encodingTag(page)}<KeyCount>${contents.length}</KeyCount><IsTruncated>${page.more !== undefined}</IsTruncated>${token}${contents.join('')}</ListBucketResult>`;
}

export function versionsXml(page: ListingPage): string {
  const name = page.isUrlEncoded ? urlEncode : (t: string) => t;
  const rows = page.versions.map((v) => {
    const common = `<Key>${escapeXml(name(v.key))}</Key><VersionId>${v.versionId}</VersionId><IsLatest>${page.isLatest(v)}</IsLatest><LastModified>${DATE}</LastModified>`;
    return v.isDeleteMarker
      ? `<DeleteMarker>${common}</DeleteMarker>`
      : `<Version>${common}<ETag>${escapeXml(v.etag)}</ETag><Size>${v.bytes.length}</Size></Version>`;
  });
  const { more } = page;
  const next =
    more === undefined
      ? ''
      : `<NextKeyMarker>${escapeXml(name(more.key))}</NextKeyMarker><NextVersionIdMarker>${more.versionId}</NextVersionIdMarker>`;
  return `${HEAD}<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${page.bucket}</Name>${encodingTag(page)}<IsTruncated>${more !== undefined}</IsTruncated>${next}${rows.join('')}</ListVersionsResult>`;
}

function encodingTag(page: ListingPage): string {
  return page.isUrlEncoded ? '<EncodingType>url</EncodingType>' : '';
}
