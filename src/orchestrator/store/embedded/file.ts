import { closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorText, isSparkifyError, SparkifyError } from '../../../core/errors.ts';

/**
 * Sees to it that the file is there (readable by its owner only) and can be written, its folder included: SQLite alone says
 * "unable to open" to all that may be wrong.
 * @throws STORE_OPEN_FAILED
 */
export function ensureStoreFile(path: string): void {
  const fail = (detail: string, cause?: unknown): never => {
    throw new SparkifyError('STORE_OPEN_FAILED', { store: path, detail }, { cause });
  };
  const folder = dirname(path);
  try {
    // One level: a mistyped path shall not become a tree of folders.
    mkdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') fail(`the folder ${dirname(folder)} is not there`, error);
    if (code === 'ENOTDIR') fail(`${dirname(folder)} is no folder`, error);
    if (code !== 'EEXIST') fail(describe(error, folder), error);
  }
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) fail('it is a folder, not a file');
    closeSync(openSync(path, 'a', 0o600));
  } catch (error) {
    if (isSparkifyError(error)) throw error;
    fail(describe(error, path), error);
  }
}

function describe(error: unknown, path: string): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EACCES':
    case 'EPERM':
      return `no permission to write ${path}`;
    case 'EROFS':
      return `${path} is on a disk that cannot be written`;
    case 'ENOTDIR':
      return `${path} lies in something that is no folder`;
    case 'ENOSPC':
      return 'the disk is full';
    default:
      return errorText(error);
  }
}
