import { SparkifyError } from '../../core/errors.ts';
import type { Timers } from '../../core/timers.ts';

/**
 * The result of `work`, or an error when it takes too long; its signal tells it then, or when `outside` is aborted, that
 * nobody waits any more.
 * @throws REQUEST_TIMEOUT
 */
export async function withDeadline<T>(
  timers: Timers,
  timeoutMs: number,
  outside: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  const leave = (): void => ending.abort();
  outside.addEventListener('abort', leave);
  let stop = (): void => {};
  const late = new Promise<never>((_, reject) => {
    stop = timers.later(timeoutMs, () => {
      reject(new SparkifyError('REQUEST_TIMEOUT', { seconds: Math.ceil(timeoutMs / 1000) }));
      ending.abort();
    });
  });
  try {
    return await Promise.race([work(ending.signal), late]);
  } finally {
    stop();
    outside.removeEventListener('abort', leave);
  }
}
