/** Percent-encodes everything but unreserved characters and `/`, over UTF-8: the form SigV4 signs and URIs carry. */
export function encodePath(path: string): string {
  if (/^[A-Za-z0-9._~/-]*$/.test(path)) return path;
  return encodeURIComponent(path)
    .replaceAll('%2F', '/')
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** `file:///…` for an absolute path; `fileURLToPath` gives the path back. */
export function fileUri(absolutePath: string): string {
  return `file://${encodePath(absolutePath)}`;
}

/** `s3://bucket/key` with the key percent-encoded, so that a key of any characters is one URI. */
export function s3Uri(bucket: string, key: string): string {
  return `s3://${bucket}/${encodePath(key)}`;
}

/** A URL as it may be shown: without anything that could be a password. */
export function maskUrl(url: string): string {
  return url.replace(/:\/\/.*@/s, '://***@');
}
