import { rm } from 'node:fs/promises';
import { runFolder } from './file-name.ts';

/** Removes the logs of runs; those that are gone already are no error. */
export async function removeLogs(directory: string, runs: readonly number[]): Promise<void> {
  for (const run of runs) await rm(runFolder(directory, run), { recursive: true, force: true });
}
