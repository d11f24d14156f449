import { accessSync, constants } from 'node:fs';

/** Histories flush to the disk hundreds of times and test no durability: memory takes the flushes for nothing. */
export function useQuickDirectory(): void {
  try {
    accessSync('/dev/shm', constants.W_OK);
    process.env.TMPDIR = '/dev/shm';
  } catch {
    // Elsewhere the usual folder serves, only slower.
  }
}
