import { type ScanPool, threadPool } from './pool.ts';

/** Scan threads that several stagings use one after the other; starting and warming them up costs what 50 MB of input do. */
export interface ScanThreads {
  /** Started when there are none. */
  pool(): ScanPool;
  /** Ends them, if any; the next `pool` starts new ones. */
  close(): Promise<void>;
}

const DEFAULT_THREADS = 2;

/** @param size of the pool */
export function scanThreads(size: number = DEFAULT_THREADS): ScanThreads {
  let open: ScanPool | undefined;
  return {
    pool: () => {
      open ??= threadPool(size);
      return open;
    },
    close: async () => {
      const closing = open;
      open = undefined;
      await closing?.close();
    },
  };
}
