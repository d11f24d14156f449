import fc from 'fast-check';
import { type HistoryOptions, historyArbitrary } from './histories.ts';
import { checkHistory, type RunOptions, type WorldFactory } from './world.ts';

export interface AssertHistoriesOptions extends HistoryOptions, RunOptions {
  readonly cases: number;
  /** The same seed gives the same histories on any machine. */
  readonly seed: number;
  /** From a failure's report, to repeat it alone. */
  readonly path?: string;
  /** How long a failure may be shrunk; what is smallest by then is reported. @default 60 000 */
  readonly shrinkTimeMs?: number;
}

/**
 * Plays random histories against worlds of the factory, and shrinks the first failure.
 * @throws an Error with seed and path, the smallest history found and the first rows that differ
 */
export async function assertHistories(factory: WorldFactory, options: AssertHistoriesOptions): Promise<void> {
  let failedAtMs: number | undefined;
  const limitMs = options.shrinkTimeMs ?? 60_000;
  const property = fc.asyncProperty(historyArbitrary(options), async (history) => {
    // Cases after the limit count as passed, which ends the shrinking without losing what was found.
    if (failedAtMs !== undefined && Date.now() - failedAtMs > limitMs) return;
    try {
      await checkHistory(factory, history, options);
    } catch (error) {
      failedAtMs ??= Date.now();
      throw error;
    }
  });
  const { cases: numRuns, seed, path } = options;
  const result = await fc.check(property, { numRuns, seed, ...(path === undefined ? {} : { path }) });
  if (!result.failed) return;
  const error = result.errorInstance instanceof Error ? result.errorInstance : new Error(String(result.errorInstance));
  throw new Error(
    `a history ends in another star (seed ${result.seed}, path "${result.counterexamplePath}", ` +
      `case ${result.numRuns} of ${numRuns}, shrunk ${result.numShrinks} times)\n${error.message}`,
    { cause: error },
  );
}
