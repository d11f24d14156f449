import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

export const SPOOL_FOLDER = 'spool';

/**
 * What killed runs left in the segments directory: the spool, and segment files (finished or not) whose relative path
 * is not in `known`; their relative paths.
 */
export async function findOrphans(segmentsDirectory: string, known: ReadonlySet<string>): Promise<readonly string[]> {
  const found: string[] = [];
  for (const folder of await names(segmentsDirectory)) {
    for (const file of await names(join(segmentsDirectory, folder))) {
      const path = `${folder}/${file}`;
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
): Promise<readonly string[]> {
  const found = await findOrphans(segmentsDirectory, known);
  for (const path of found) await rm(join(segmentsDirectory, path), { recursive: true, force: true });
  return found;
}

async function names(directory: string): Promise<readonly string[]> {
  const status = await lstat(directory).catch(() => undefined);
  return status?.isDirectory() === true ? (await readdir(directory)).sort() : [];
}
