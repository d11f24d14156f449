import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

export const SPOOL_FOLDER = 'spool';

/**
 * What killed runs left in a folder of the segments directory: the spool, and segment files (finished or not) whose path
 * relative to the directory is not in `known`; their relative paths.
 */
export async function findOrphans(
  segmentsDirectory: string,
  known: ReadonlySet<string>,
  home = '',
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const folder of await names(join(segmentsDirectory, home))) {
    for (const file of await names(join(segmentsDirectory, home, folder))) {
      const path = `${home === '' ? '' : `${home}/`}${folder}/${file}`;
      // Other files are not ours to judge.
      if (folder === SPOOL_FOLDER || (!known.has(path) && /\.parquet(\.tmp)?$/u.test(file))) found.push(path);
    }
  }
  return found;
}

/**
 * Removes the orphans. Only for the one run that may write there.
 * @returns the relative paths that were removed
 */
export async function collectOrphans(
  segmentsDirectory: string,
  known: ReadonlySet<string>,
  home = '',
): Promise<readonly string[]> {
  const found = await findOrphans(segmentsDirectory, known, home);
  for (const path of found) await rm(join(segmentsDirectory, path), { recursive: true, force: true });
  return found;
}

async function names(directory: string): Promise<readonly string[]> {
  const status = await lstat(directory).catch(() => undefined);
  return status?.isDirectory() === true ? (await readdir(directory)).sort() : [];
}
