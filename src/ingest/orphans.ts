import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

export const SPOOL_FOLDER = 'spool';

/**
 * Removes what killed runs left in the segments directory: the spool, and segment files (finished or not) whose
 * relative path is not in `known`. Only for the one run that may write there.
 * @returns the relative paths that were removed
 */
export async function collectOrphans(
  segmentsDirectory: string,
  known: ReadonlySet<string>,
): Promise<readonly string[]> {
  const removed: string[] = [];
  const remove = async (path: string) => {
    await rm(join(segmentsDirectory, path), { recursive: true, force: true });
    removed.push(path);
  };
  for (const folder of await names(segmentsDirectory)) {
    if (folder === SPOOL_FOLDER) {
      for (const entry of await names(join(segmentsDirectory, folder))) await remove(`${folder}/${entry}`);
      continue;
    }
    for (const file of await names(join(segmentsDirectory, folder))) {
      const path = `${folder}/${file}`;
      // Other files are not ours to judge.
      if (!known.has(path) && /\.parquet(\.tmp)?$/u.test(file)) await remove(path);
    }
  }
  return removed;
}

async function names(directory: string): Promise<readonly string[]> {
  const status = await lstat(directory).catch(() => undefined);
  return status?.isDirectory() === true ? (await readdir(directory)).sort() : [];
}
