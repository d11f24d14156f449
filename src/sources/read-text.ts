import { readFile } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SourceOptions } from './index.ts';
import { systemTiming } from './s3/retry.ts';

/**
 * The text of one file or `s3://bucket/key`, as it is now: small files beside the data, such as a jsonpaths file.
 * @throws SOURCE_NOT_FOUND, SOURCE_ACCESS_DENIED, SOURCE_CREDENTIALS, SOURCE_UNREACHABLE for S3; the file system's error else
 */
export async function readText(url: string, options: SourceOptions): Promise<string> {
  const s3 = /^s3:\/\/([^/]+)\/(.+)$/s.exec(url);
  if (s3 === null) {
    const path = url.startsWith('file:') ? fileURLToPath(url) : url;
    return readFile(isAbsolute(path) ? path : resolve(options.cwd, path), 'utf8');
  }
  const { readS3Text } = await import('./s3/source.ts');
  return readS3Text({ bucket: s3[1]!, prefix: '' }, s3[2]!, options.s3 ?? {}, options.timing ?? systemTiming);
}
