import { setTimeout as delay } from 'node:timers/promises';
import { isAbsent, isTransient, refusalCode } from './failure.ts';

/** Time and chance as a source needs them; tests bring their own, so that no test waits. */
export interface Timing {
  nowMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemTiming: Timing = {
  nowMs: () => Date.now(),
  random: () => Math.random(),
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
};

const BASE_MS = 100;
const CAP_MS = 20_000;
/** A server that is not there at all is more often a wrong address than a restart: a person should not wait long. */
const ABSENT_ATTEMPTS = 3;

export interface RetryOptions {
  readonly timing: Timing;
  readonly attempts: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Repeats what failed in passing (5xx, 429, resets, silence, short bodies) with exponential backoff and full jitter,
 * and once what a corrected clock puts right. The last failure is thrown as it came.
 */
export async function withRetries<T>(options: RetryOptions, attempt: () => Promise<T>): Promise<T> {
  let skewRetried = false;
  for (let n = 1; ; n++) {
    options.signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (refusalCode(error) === 'RequestTimeTooSkewed' && !skewRetried) {
        skewRetried = true;
        continue;
      }
      const limit = isAbsent(error) ? Math.min(ABSENT_ATTEMPTS, options.attempts) : options.attempts;
      if (n >= limit || !isTransient(error)) throw error;
      await options.timing.sleep(options.timing.random() * Math.min(CAP_MS, BASE_MS * 2 ** n), options.signal);
    }
  }
}
