import type { Timers } from '../../core/timers.ts';
import type { Store } from '../store/store.ts';
import type { Step } from './step.ts';
import { StepLoop } from './step-loop.ts';

export type { Step } from './step.ts';

export interface RunningSteps {
  /** Nothing is being done, and nothing is due at this moment. */
  idle(): Promise<void>;
  /** Ends after what is under way. */
  stop(): Promise<void>;
}

export interface RunStepsOptions {
  readonly store: Store;
  readonly timers: Timers;
  /** What went wrong; the step is tried again. */
  readonly note: (detail: string) => void;
  /**
   * However far away the next time is, each step looks around so often: a clock may have been set, and a shared store's word of
   * a change may have been lost. @default 1_000 on a shared store, else 60_000
   */
  readonly longestSleepMs?: number;
}

/**
 * Does steps: at first all of them, then each when it is due or the store has changed; many changes of one moment are one. A
 * step is never done twice at once, and one that takes long or fails keeps no other back.
 */
export function runSteps(steps: readonly Step[], options: RunStepsOptions): RunningSteps {
  const { store, timers, note, longestSleepMs = store.capabilities.shared ? 1_000 : 60_000 } = options;
  let waiters: (() => void)[] = [];
  const rested = (): void => {
    for (const told of waiters.splice(0)) told();
  };
  const loops = steps.map((step) => new StepLoop(step, { timers, note, longestSleepMs, rested }));
  const endChanges = store.onChange(() => {
    for (const loop of loops) loop.changed();
  });
  for (const loop of loops) loop.begin();
  const busy = (): boolean => loops.some((loop) => loop.busy);
  let stopped = false;
  return {
    idle: async () => {
      while (!stopped) {
        // A change that was just committed is told in the next turn of the process.
        await nextTurn();
        if (!busy()) return;
        await new Promise<void>((resolve) => waiters.push(resolve));
        await nextTurn();
      }
    },
    stop: async () => {
      stopped = true;
      endChanges();
      await Promise.all(loops.map((loop) => loop.stop()));
      rested();
      waiters = [];
    },
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
