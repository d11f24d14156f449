import { statfs } from 'node:fs/promises';
import { SparkifyError } from '../core/errors.ts';

/** Free bytes, for an unprivileged writer, on the disk of a directory. */
export type FreeBytes = (directory: string) => Promise<number>;

export const freeBytesOf: FreeBytes = async (directory) => {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
};

/** Parquet takes less than a third of the JSON it comes from; the rest is safety. */
const SEGMENT_SHARE = 0.5;

/**
 * Looks whether reading `inputBytes` in chunks can end well on the disk of `directory`; files that are fetched first
 * lie there too.
 * @throws DISK_FULL_AHEAD
 */
export async function checkDiskSpace(
  directory: string,
  need: { readonly inputBytes: number; readonly chunkBytes: number; readonly fetched: boolean },
  freeBytes: FreeBytes = freeBytesOf,
): Promise<void> {
  const spooled = Math.min(need.inputBytes, 3 * need.chunkBytes);
  const neededBytes = Math.ceil(need.inputBytes * SEGMENT_SHARE + spooled * (need.fetched ? 2 : 1));
  const free = await freeBytes(directory);
  if (free < neededBytes) throw new SparkifyError('DISK_FULL_AHEAD', { directory, neededBytes, freeBytes: free });
}
