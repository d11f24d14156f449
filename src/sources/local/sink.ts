import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SparkifyError } from '../../core/errors.ts';
import { type Sink, sinkOf } from '../sink.ts';
import { fileUri } from '../uri.ts';
import { localError } from './errors.ts';
import { isInside } from './walk.ts';

const WRITES_IN_FLIGHT = 16;

/**
 * Writes objects as files below a folder, which is made if it is missing. Each file appears whole, by renaming.
 * @throws SOURCE_URL_INVALID for a key that would leave the folder; SOURCE_ACCESS_DENIED
 */
export function openLocalSink(root: string): Sink {
  try {
    mkdirSync(root, { recursive: true });
  } catch (error) {
    throw localError(error, root, 'written');
  }
  const realRoot = realpathSync(root);
  const folders = new Map<string, Promise<void>>();
  let serial = 0;

  const makeFolder = async (path: string): Promise<void> => {
    // Looked at before anything is made: a link in the way could lead out of the root.
    if (!isInside(realRoot, realpathSync(nearestExisting(path)))) throw outside(root, path);
    await mkdir(path, { recursive: true });
  };

  const put = async (key: string, bytes: Uint8Array): Promise<void> => {
    if (key === '' || key.includes('\0') || key.split('/').some((part) => part === '' || part === '.' || part === '..'))
      throw outside(root, key);
    const path = join(root, key);
    const folder = dirname(path);
    const temporary = join(folder, `.writing-${process.pid}-${serial++}`);
    try {
      let made = folders.get(folder);
      if (made === undefined) {
        made = makeFolder(folder);
        folders.set(folder, made);
      }
      await made;
      await writeFile(temporary, bytes, { flag: 'wx' });
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      if (error instanceof SparkifyError) throw error;
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
        throw new SparkifyError('DISK_FULL', { what: path }, { cause: error });
      throw localError(error, path, 'written');
    }
  };
  return sinkOf(`${fileUri(root === '/' ? '' : root)}/`, WRITES_IN_FLIGHT, put, async () => {});
}

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}

function outside(root: string, key: string): SparkifyError {
  return new SparkifyError('SOURCE_URL_INVALID', { url: key, detail: `it does not name a file inside ${root}` });
}
