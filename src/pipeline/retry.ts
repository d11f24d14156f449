import { type Duration, durationMs } from './duration.ts';
import type { RetryPolicy } from './graph.ts';

/** How often and when a task is tried again; a number alone says how often. */
export interface RetryOptions {
  /** Tries after the first. */
  readonly max: number;
  /** Before the second try. @default '30 seconds' */
  readonly delay?: Duration;
  /** Each delay is so many times the one before it; 1 keeps them equal. @default 2 */
  readonly factor?: number;
  /** No delay is longer. @default '1 hour' */
  readonly maxDelay?: Duration;
  /** Shortens each delay at random by up to this share, so that what failed together does not come back together. @default 0.1 */
  readonly jitter?: number;
}

/** Nothing is tried again unless somebody says so; crashes are counted apart. */
export const NO_RETRIES: RetryPolicy = { max: 0, delayMs: 30_000, factor: 2, maxDelayMs: 3_600_000, jitter: 0.1 };

/** The policy in full. @throws DURATION_INVALID */
export function retryPolicy(retries: number | RetryOptions | undefined, where: string): RetryPolicy {
  if (retries === undefined) return NO_RETRIES;
  if (typeof retries === 'number') return { ...NO_RETRIES, max: retries };
  const delayMs =
    retries.delay === undefined ? NO_RETRIES.delayMs : durationMs(retries.delay, `${where}: delay of its retries`);
  return {
    max: retries.max,
    delayMs,
    factor: retries.factor ?? NO_RETRIES.factor,
    // A cap that nobody named never cuts the delay that somebody did.
    maxDelayMs:
      retries.maxDelay === undefined
        ? Math.max(NO_RETRIES.maxDelayMs, delayMs)
        : durationMs(retries.maxDelay, `${where}: longest delay of its retries`),
    jitter: retries.jitter ?? NO_RETRIES.jitter,
  };
}

/** What is wrong with a policy, for a person; undefined when nothing is. */
export function retryProblem(policy: RetryPolicy): string | undefined {
  if (!Number.isSafeInteger(policy.max) || policy.max < 0)
    return `retries must be a whole number from 0 on, not ${policy.max}`;
  if (!Number.isFinite(policy.factor) || policy.factor < 1)
    return `the factor of its retries must be 1 or more, not ${policy.factor}`;
  if (!(policy.jitter >= 0 && policy.jitter <= 1))
    return `the jitter of its retries must lie between 0 and 1, not ${policy.jitter}`;
  if (policy.maxDelayMs < policy.delayMs) return 'the longest delay of its retries is shorter than the first one';
  return undefined;
}

/**
 * How long to wait before the next try, in milliseconds.
 * @param failures failures so far, 1 after the first try
 * @param random from 0 to below 1
 */
export function retryDelayMs(policy: RetryPolicy, failures: number, random: number): number {
  const grown = policy.delayMs * policy.factor ** Math.max(0, failures - 1);
  // Beyond any number a double holds the product is Infinity, which the cap takes care of; 0 × Infinity is not a number.
  const capped = policy.delayMs === 0 ? 0 : Math.min(policy.maxDelayMs, grown);
  return Math.round(capped * (1 - policy.jitter * random));
}
