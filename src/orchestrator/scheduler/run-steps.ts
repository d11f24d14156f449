import { errorText } from '../../core/errors.ts';
import type { Timers } from '../../core/timers.ts';
import type { Store } from '../store/store.ts';

/** Something that is done again and again, and says when it wants to be done next. */
export interface Step {
  readonly name: string;
  /** Also when the store has changed. */
  readonly onChange: boolean;
  /** @returns in how many milliseconds again; undefined: when the store changes */
  run(): Promise<number | undefined>;
}

export interface RunningSteps {
  /** Nothing is being done, and nothing is due at this moment. */
  idle(): Promise<void>;
  /** Ends after the step that is under way. */
  stop(): Promise<void>;
}

export interface RunStepsOptions {
  readonly store: Store;
  readonly timers: Timers;
  /** What went wrong; the step is tried again. */
  readonly note: (detail: string) => void;
}

/** After an error, doubled up to the longest. */
const FIRST_TROUBLE_MS = 100;
const LONGEST_TROUBLE_MS = 10_000;
/** However far away the next time is, each step looks around so often: a clock may have been set. */
const LONGEST_SLEEP_MS = 60_000;

/** Does steps one after the other: at first all of them, then each when it is due or the store has changed. */
export function runSteps(steps: readonly Step[], options: RunStepsOptions): RunningSteps {
  const { store, timers, note } = options;
  const due = new Set<Step>(steps);
  const timersOf = new Map<Step, () => void>();
  const troubles = new Map<Step, number>();
  let running: Promise<void> | undefined;
  let scheduled = false;
  let stopped = false;
  let idleWaiters: (() => void)[] = [];

  const wake = (step: Step): void => {
    due.add(step);
    begin();
  };
  const plan = (step: Step, inMs: number | undefined): void => {
    timersOf.get(step)?.();
    timersOf.delete(step);
    if (stopped) return;
    if (inMs === 0) return void due.add(step);
    const delayMs = Math.min(inMs ?? LONGEST_SLEEP_MS, LONGEST_SLEEP_MS);
    timersOf.set(
      step,
      timers.later(delayMs, () => wake(step)),
    );
  };
  const runOne = async (step: Step): Promise<void> => {
    try {
      const inMs = await step.run();
      troubles.delete(step);
      plan(step, inMs);
    } catch (error) {
      const troubleMs = troubles.get(step) ?? FIRST_TROUBLE_MS;
      troubles.set(step, Math.min(troubleMs * 2, LONGEST_TROUBLE_MS));
      note(`${step.name}: ${errorText(error)}`);
      plan(step, troubleMs);
    }
  };
  const runDue = async (): Promise<void> => {
    while (!stopped) {
      // In their order: what one has made, the next one finds.
      const step = steps.find((s) => due.has(s));
      if (step === undefined) return;
      due.delete(step);
      await runOne(step);
    }
  };
  const begin = (): void => {
    if (stopped || running !== undefined || scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      running = runDue().finally(() => {
        running = undefined;
        if (due.size > 0 && !stopped) return begin();
        for (const told of idleWaiters.splice(0)) told();
      });
    });
  };
  const endChanges = store.onChange(() => {
    for (const step of steps) if (step.onChange) due.add(step);
    begin();
  });
  begin();
  return {
    idle: async () => {
      // A change that was just committed is told in the next turn of the process.
      await new Promise((resolve) => setImmediate(resolve));
      while (running !== undefined || scheduled || due.size > 0) {
        if (stopped) return;
        await new Promise<void>((resolve) => idleWaiters.push(resolve));
      }
    },
    stop: async () => {
      stopped = true;
      endChanges();
      for (const cancel of timersOf.values()) cancel();
      await running;
      for (const told of idleWaiters) told();
      idleWaiters = [];
    },
  };
}
