import { isSparkifyError } from '../../core/errors.ts';

/** Waits; the default is a timer. */
export type Wait = (ms: number) => Promise<void>;

export interface RetryPatience {
  /** How long another transaction may be in the way. */
  readonly busyMs: number;
  /** How long the store may be unreachable. */
  readonly lostMs: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  readonly wait: Wait;
}

/**
 * Carries `attempt` out, again and again after STORE_BUSY and STORE_UNREACHABLE, with growing pauses, until patience ends
 * and the last error is thrown. Every other error is thrown at once.
 */
export async function withRetries<T>(attempt: () => Promise<T>, patience: RetryPatience): Promise<T> {
  const { busyMs, lostMs, firstPauseMs, longestPauseMs, wait } = patience;
  const beganMs = performance.now();
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await attempt();
    } catch (error) {
      const code = isSparkifyError(error) ? error.code : undefined;
      const leftMs =
        (code === 'STORE_BUSY' ? busyMs : code === 'STORE_UNREACHABLE' ? lostMs : 0) - (performance.now() - beganMs);
      if (leftMs <= 0) throw error;
      // Between half and all of the pause, so that those who met do not meet again.
      await wait(Math.min(leftMs, pauseMs * (0.5 + Math.random() / 2)));
    }
  }
}
