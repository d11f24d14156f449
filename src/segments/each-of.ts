import { setMaxListeners } from 'node:events';

/**
 * Does `work` for each, some at a time. When one fails, those under way are told to stop and waited for, and no other
 * begins.
 * @param work is given a signal that ends when `signal` does, or another one fails
 */
export async function eachOf<T>(
  all: readonly T[],
  options: { readonly atOnce: number; readonly signal?: AbortSignal | undefined },
  work: (one: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { atOnce, signal } = options;
  const failing = new AbortController();
  setMaxListeners(0, failing.signal); // one listener for each under way
  const stop = (): void => failing.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', stop, { once: true });
  const left = all.values();
  let failed: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    for (const one of left) {
      if (failing.signal.aborted) return;
      try {
        await work(one, failing.signal);
      } catch (error) {
        failed ??= { error };
        failing.abort(error);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(atOnce, all.length) }, lane));
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  signal?.throwIfAborted();
  if (failed !== undefined) throw failed.error;
}
