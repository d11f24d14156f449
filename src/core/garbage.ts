import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Below this, there is nothing to gain. */
const LARGE_HEAP_BYTES = 64 * 1024 * 1024;

/**
 * Collects a large heap's garbage now. After much work with short-lived objects nothing sets a collection off for as long
 * as nothing more is made, while memory that is not the heap's grows beside it.
 */
export function collectGarbage(): void {
  if (getHeapStatistics().total_heap_size < LARGE_HEAP_BYTES) return;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // As it was: code that V8 compiles under other flags is no use to the next process. src/cli/compiled-code.ts
  setFlagsFromString('--no-expose-gc');
  collect();
}
