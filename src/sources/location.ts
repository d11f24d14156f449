import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SparkifyError } from '../core/errors.ts';
import { maskUrl } from './uri.ts';

/** What the name of a source or sink means. */
export type Location =
  | { readonly kind: 'local'; readonly root: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string };

/**
 * Reads a path, `file://…` or `s3://bucket/prefix`. A prefix that is valid percent-encoding is decoded (so a listing's
 * root can be given back), any other is taken as it stands.
 * @param cwd what relative paths are relative to
 * @throws SOURCE_URL_INVALID
 */
export function parseLocation(url: string, cwd: string): Location {
  const invalid = (detail: string): SparkifyError =>
    new SparkifyError('SOURCE_URL_INVALID', { url: maskUrl(url), detail });
  if (url.trim() === '') throw invalid('it is empty');
  if (url.includes('\0')) throw invalid('it contains a NUL character');
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):/.exec(url)?.[1]?.toLowerCase();
  if (scheme === 's3') return parseS3(url, invalid);
  if (scheme === 'file') {
    try {
      return { kind: 'local', root: resolve(fileURLToPath(url)) };
    } catch (error) {
      throw new SparkifyError(
        'SOURCE_URL_INVALID',
        { url: maskUrl(url), detail: 'it is no absolute file URL of this machine' },
        { cause: error },
      );
    }
  }
  if (scheme !== undefined && url.startsWith('//', scheme.length + 1))
    throw invalid(`the scheme ${scheme}:// is not supported`);
  return { kind: 'local', root: isAbsolute(url) ? resolve(url) : resolve(cwd, url) };
}

function parseS3(url: string, invalid: (detail: string) => SparkifyError): Location {
  const found = /^s3:\/\/([^/]*)(?:\/(.*))?$/is.exec(url);
  if (found === null) throw invalid('after s3: come two slashes and the bucket');
  const [, bucket = '', rest = ''] = found;
  if (bucket.includes('@')) throw invalid('it carries credentials; they belong into the environment or a profile');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/.test(bucket))
    throw invalid('its bucket is no name a bucket can have');
  const prefix = decoded(rest);
  return { kind: 's3', bucket, prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
