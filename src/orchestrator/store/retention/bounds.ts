/** Up to when things go. */
export interface Bounds {
  readonly runsBeforeMs: number;
  readonly eventsBeforeMs: number;
  readonly tracesBeforeMs: number;
  /** So many of the latest of a pipeline stay. */
  readonly keep: number;
}

/** A transaction removes about so many task instances or rows: others wait for it no longer than some milliseconds. */
export const BATCH = 2000;
export const CANDIDATES = 200;

export const UNFINISHED_BACKFILLS = ['running', 'paused', 'cancelling'] as const;
