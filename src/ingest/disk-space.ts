import { SparkifyError } from '../core/errors.ts';
import { type FreeBytes, freeBytesOf } from '../core/free-bytes.ts';

/** Parquet takes a tenth of the logs it comes from, and hardly ever half of other JSON. */
const SEGMENT_SHARE = 0.5;
/** Their row groups wait in the spool, and their fetched objects beside it. */
const CHUNKS_UNDER_WAY = 4;

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
  const underWay = Math.min(need.inputBytes, CHUNKS_UNDER_WAY * need.chunkBytes);
  const neededBytes = Math.ceil((need.inputBytes + underWay) * SEGMENT_SHARE + (need.fetched ? underWay : 0));
  const free = await freeBytes(directory);
  if (free < neededBytes) throw new SparkifyError('DISK_FULL_AHEAD', { directory, neededBytes, freeBytes: free });
}
