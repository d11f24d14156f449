import type { TaskInstance } from '../store/tables.ts';

/** What a worker was given: one attempt at one task instance. Every later call about it is fenced by all three. */
export interface Claim {
  readonly taskId: number;
  readonly worker: string;
  readonly attempt: number;
}

export interface ClaimedTask extends Claim {
  readonly row: TaskInstance;
}

export interface ClaimRequest {
  readonly worker: string;
  readonly queues: readonly string[];
  /** At most so many. */
  readonly limit: number;
  /** Whether this worker can hold the warehouse: else data tasks are left alone. */
  readonly warehouse: boolean;
  readonly leaseMs: number;
  /** Nothing but tasks of this run. @default of all */
  readonly onlyRun?: number;
}

/** How an attempt ended. */
export type Completion =
  | {
      readonly state: 'succeeded';
      readonly claim: Claim;
      readonly detail: string;
      readonly output?: unknown;
      readonly chosen?: readonly string[];
    }
  | { readonly state: 'skipped'; readonly claim: Claim; readonly reason: string }
  /** `over` of a mapped task gave its elements. */
  | { readonly state: 'expanded'; readonly claim: Claim; readonly inputs: readonly unknown[] }
  /** A sensor saw nothing yet: the slot is given back until the next look. */
  | { readonly state: 'not-yet'; readonly claim: Claim; readonly detail: string; readonly againAtMs: number }
  | { readonly state: 'failed'; readonly claim: Claim; readonly error: TaskError }
  /** Given back unharmed (the process is going down): no attempt is counted. */
  | { readonly state: 'released'; readonly claim: Claim; readonly reason: string }
  | { readonly state: 'cancelled'; readonly claim: Claim };

export interface TaskError {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  /** Whether another try may help. */
  readonly retryable: boolean;
}

/**
 * The task table as a queue. A claim is leased by the store's clock; whoever lets the lease run out is dead to the store
 * as soon as `expire` sees it, and its later completions are refused.
 */
export interface TaskQueue {
  /** Takes ready tasks of running runs, most urgent first; pools are never over-booked. */
  claim(request: ClaimRequest): Promise<readonly ClaimedTask[]>;
  /** Longer leases for what is still held; gives those that are lost or to be interrupted (their run is cancelling). */
  renew(
    claims: readonly Claim[],
    leaseMs: number,
  ): Promise<{ readonly lost: readonly Claim[]; readonly cancelled: readonly Claim[] }>;
  /** Ends attempts and unlocks what waited for them, in one transaction; gives the claims that were refused. */
  complete(completions: readonly Completion[]): Promise<readonly Claim[]>;
  /** `complete` and then `claim`, also of what was just unlocked, with one commit for both. */
  completeAndClaim(
    completions: readonly Completion[],
    request: ClaimRequest,
  ): Promise<{ readonly refused: readonly Claim[]; readonly claimed: readonly ClaimedTask[] }>;
  /** Takes tasks back whose lease has run out, and runs from holders that are gone; how many tasks. */
  expire(): Promise<number>;
  /**
   * Longer holds for the runs that a worker has opened, also while none of their tasks run; gives those it holds no
   * more. A claim of data tasks begins a hold with the claim's lease; `renew` of such a claim lengthens it too.
   */
  renewHolds(worker: string, runIds: readonly number[], leaseMs: number): Promise<readonly number[]>;
  /** Lets another worker, or another run of the pipeline, go on. What the run still had under way is given back. */
  releaseRun(worker: string, runId: number): Promise<void>;
  /** When a task that waits for its time (a retry, a sensor's next look) may be claimed; undefined: none waits. */
  nextReadyMs(): Promise<number | undefined>;
}
