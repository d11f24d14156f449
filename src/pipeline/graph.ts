/**
 * A pipeline as its orchestration sees it: plain data without functions, so that a store can keep the version a run began
 * with. Everything in it is orchestration; what the star depends on stands in `definition.ts`.
 */

/** When a task starts, judged once all tasks before it have ended. */
export type TriggerRule = 'all_succeeded' | 'all_done' | 'any_failed' | 'none_failed';

/** How often a task is tried again after an error that may pass, and when. */
export interface RetryPolicy {
  /** Tries after the first. */
  readonly max: number;
  readonly delayMs: number;
  /** Each delay is so many times the one before it. */
  readonly factor: number;
  readonly maxDelayMs: number;
  /** A delay is shortened at random by up to this share, 0 to 1. */
  readonly jitter: number;
}

export interface GraphTask {
  readonly name: string;
  /** Kind of its operator; `marker` for a function that does nothing. */
  readonly kind: string;
  readonly group: string | undefined;
  readonly after: readonly string[];
  readonly trigger: TriggerRule;
  readonly retries: RetryPolicy;
  readonly timeoutMs: number | undefined;
  readonly pool: string | undefined;
  readonly poolSlots: number;
  readonly queue: string;
  /** Added to the run's priority; smaller goes first. */
  readonly priority: number;
  /** Starts only when the same task of the interval before it succeeded, or there is none. */
  readonly dependsOnPast: boolean;
  /** Works on the warehouse: runs in the process that holds it. */
  readonly data: boolean;
  readonly mapped: boolean;
  readonly sensor:
    | {
        readonly everyMs: number;
        /** Since its first look. */
        readonly timeoutMs: number;
        /** Since the interval's end: a sensor of an old interval looks once. `afterLook` (sensor.ts) judges both. */
        readonly graceMs?: number;
        /** succeed: it goes on without, and says so. */
        readonly onTimeout: 'fail' | 'skip' | 'succeed';
      }
    | undefined;
  readonly branch: boolean;
}

export interface GraphSchedule {
  /** As the user wrote it, for people: `0 7 * * *` or `every 12 hours`. */
  readonly text: string;
  readonly cron: string | undefined;
  readonly everyMs: number | undefined;
  /** IANA name. */
  readonly timeZone: string;
  readonly startMs: number;
  /** No start was given: the grid reaches back over all event time, runs are made only from when it is first seen. */
  readonly startless?: boolean;
  /** No interval ends after it. */
  readonly endMs: number | undefined;
  readonly missed: 'all' | 'latest' | 'none';
}

export interface PipelineGraph {
  readonly pipeline: string;
  readonly doc: string;
  readonly version: string;
  readonly semanticVersion: string;
  readonly schedule: GraphSchedule | undefined;
  /** A run that is not over so long after it was due is late. */
  readonly deadlineMs: number | undefined;
  readonly maxActiveRuns: number;
  /** Slots of the pools that the pipeline declares; the project's configuration stands above it. */
  readonly pools?: Readonly<Record<string, number>>;
  /** In topological order. */
  readonly tasks: readonly GraphTask[];
}
