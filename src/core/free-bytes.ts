import { statfsSync } from 'node:fs';

/** Free bytes, for an unprivileged writer, on the disk of a directory. */
export type FreeBytes = (directory: string) => Promise<number>;

export const freeBytesOf: FreeBytes = async (directory) => {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
};
