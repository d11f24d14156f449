import { errorText } from '../../core/errors.ts';
import type { Timers } from '../../core/timers.ts';
import type { Step } from './step.ts';

export interface StepLoopOptions {
  readonly timers: Timers;
  readonly note: (detail: string) => void;
  readonly longestSleepMs: number;
  /** Whenever it has nothing to do for the moment. */
  readonly rested: () => void;
}

/** After an error, doubled up to the longest. */
const FIRST_TROUBLE_MS = 100;
const LONGEST_TROUBLE_MS = 10_000;

/**
 * One step, again and again:
 *
 *     resting ──its time, a change──▶ due ──▶ running ──▶ resting
 *                                      ▲         └─error─▶ troubled: only its time makes it due, later each time
 *                                      └──────────────────────┘
 */
export class StepLoop {
  readonly #step: Step;
  readonly #options: StepLoopOptions;
  #due = false;
  #scheduled = false;
  #running: Promise<void> | undefined;
  #cancelTimer = (): void => {};
  /** After the next error; undefined: the last time all was well. */
  #troubleMs: number | undefined;
  #stopped = false;

  constructor(step: Step, options: StepLoopOptions) {
    this.#step = step;
    this.#options = options;
  }

  /** Due, scheduled or running. */
  get busy(): boolean {
    return !this.#stopped && (this.#due || this.#running !== undefined);
  }

  begin(): void {
    if (this.#stopped) return;
    this.#due = true;
    this.#schedule();
  }

  /** The store has changed. What just failed waits for its time, or a busy store would have it fail without end. */
  changed(): void {
    if (this.#step.onChange && this.#troubleMs === undefined) this.begin();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    await this.#running;
  }

  #schedule(): void {
    if (this.#scheduled || this.#running !== undefined) return;
    this.#scheduled = true;
    // In a turn of its own, so that steps that are always due let everything else go on.
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#stopped) this.#running = this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#due = false;
    this.#cancelTimer();
    const inMs = await this.#attempt();
    this.#running = undefined;
    if (this.#stopped) return;
    if (inMs <= 0) this.#due = true;
    else this.#cancelTimer = this.#options.timers.later(inMs, () => this.begin());
    if (this.#due) this.#schedule();
    else this.#options.rested();
  }

  async #attempt(): Promise<number> {
    const { note, longestSleepMs } = this.#options;
    try {
      const inMs = await this.#step.run();
      this.#troubleMs = undefined;
      return Math.min(inMs ?? longestSleepMs, longestSleepMs);
    } catch (error) {
      const waitMs = this.#troubleMs ?? FIRST_TROUBLE_MS;
      this.#troubleMs = Math.min(waitMs * 2, LONGEST_TROUBLE_MS);
      note(`${this.#step.name}: ${errorText(error)}`);
      return waitMs;
    }
  }
}
