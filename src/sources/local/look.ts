import { type Stats, statSync } from 'node:fs';
import { localError } from './errors.ts';

/**
 * Size and time of the last change of each file, in their order: two numbers a file, NaN for one that is not there.
 * @throws SOURCE_ACCESS_DENIED, SOURCE_UNREADABLE
 */
export type LookAtFiles = (paths: readonly string[]) => Promise<Float64Array>;

/** Looks at files in the thread that calls it. @throws as LookAtFiles */
export function lookAtFiles(paths: readonly string[]): Float64Array {
  const seen = new Float64Array(2 * paths.length).fill(Number.NaN);
  let at = 0;
  for (const path of paths) {
    const stat = look(path);
    if (stat !== undefined) {
      seen[at] = stat.size;
      seen[at + 1] = stat.mtimeMs;
    }
    at += 2;
  }
  return seen;
}

/** Undefined when there is nothing. @throws as LookAtFiles */
export function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw localError(error, path, 'read');
  }
}
