import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Where the simulation's files go. */
export interface SimulationSink {
  /**
   * Writes one whole object; a reader sees all of it or nothing. `key` has `/` between its parts. The bytes may be
   * reused by the caller once the promise is settled. Several writes may be under way at once.
   */
  write(key: string, content: Uint8Array): Promise<void>;
}

/** A sink into a local folder: each file is written beside its place and renamed into it. */
export function localFolderSink(root: string): SimulationSink {
  const made = new Map<string, Promise<unknown>>();
  let serial = 0;
  return {
    async write(key, content) {
      const path = join(root, ...key.split('/'));
      const folder = dirname(path);
      let making = made.get(folder);
      if (making === undefined) {
        making = mkdir(folder, { recursive: true });
        made.set(folder, making);
      }
      await making;
      const temporary = join(folder, `.simulating-${serial++}`);
      try {
        await writeFile(temporary, content);
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
  };
}
