import type { Timers } from '../../core/timers.ts';
import type { Store } from '../store/store.ts';

/** Says whether time can be trusted. */
export interface ClockWatch {
  /** @returns in how many milliseconds to look again */
  look(): Promise<number>;
  /** Time stood still or jumped lately: leases that look expired may belong to somebody who is about to renew them. */
  readonly unsettled: boolean;
}

export interface ClockWatchOptions {
  readonly store: Store;
  readonly timers: Timers;
  /** The clock of the wall, which people and servers set. */
  readonly nowMs: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicMs: () => number;
  /** How long leases are not judged after a jump; a lease's time. */
  readonly settleMs: number;
}

const LOOK_MS = 1_000;
/** A wall clock that is off by more than this, within one look, was set. */
const JUMP_MS = 5_000;
/** A look that comes so late means that the process stood still. */
const STOOD_STILL_MS = 5_000;

/** Compares the wall clock with one that only goes forward. */
export function watchClock(options: ClockWatchOptions): ClockWatch {
  const { store, timers, nowMs, monotonicMs, settleMs } = options;
  let wall = nowMs();
  let steady = monotonicMs();
  let unsettled = false;
  let cancel = (): void => {};
  const unsettle = (): void => {
    unsettled = true;
    cancel();
    cancel = timers.later(settleMs, () => {
      unsettled = false;
    });
  };
  return {
    get unsettled() {
      return unsettled;
    },
    look: async () => {
      const elapsedMs = monotonicMs() - steady;
      const byMs = Math.round(nowMs() - wall - elapsedMs);
      wall = nowMs();
      steady = monotonicMs();
      if (Math.abs(byMs) > JUMP_MS) {
        unsettle();
        await store.write(async (tx) => tx.emit({ type: 'clock.jumped', byMs }));
      } else if (elapsedMs > LOOK_MS + STOOD_STILL_MS) unsettle();
      return LOOK_MS;
    },
  };
}
