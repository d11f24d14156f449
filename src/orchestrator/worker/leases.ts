import { errorText, SparkifyError } from '../../core/errors.ts';
import type { Claim, TaskQueue } from '../queue/queue.ts';
import type { Store } from '../store/store.ts';
import type { AttemptsUnderWay } from './attempts-under-way.ts';
import type { HeldRuns } from './held-runs.ts';
import type { KnownRuns } from './run-facts.ts';

export interface LeasesOptions {
  readonly store: Store;
  readonly queue: TaskQueue;
  /** The worker's. */
  readonly id: string;
  readonly leaseMs: number;
  /** A held run of which nothing is asked for so long is let go. */
  readonly holdIdleMs: number;
  readonly underWay: AttemptsUnderWay;
  readonly held: HeldRuns | undefined;
  readonly runs: KnownRuns;
  readonly note: (detail: string) => void;
}

/** Renewals in a row that may fail: each comes after a third of the lease. */
const MAY_MISS = 3;

/** What a worker has for a time only: its claims, the runs that it holds, its being there at all. */
export class Leases {
  readonly #options: LeasesOptions;
  #missed = 0;

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  /** Renews all of it; to be called after each third of the lease. What is lost is interrupted. Never rejects. */
  async renew(): Promise<void> {
    const { queue, leaseMs, store, underWay, id, note } = this.#options;
    try {
      const attempts = underWay.all();
      const { lost, cancelled } = await queue.renew(
        attempts.map((a) => a.claim),
        leaseMs,
      );
      const byTask = new Map(attempts.map((a) => [a.claim.taskId, a]));
      // One that has ended is told in the next round, and refused if it must be.
      for (const { taskId } of lost) byTask.get(taskId)?.interrupt('lost');
      for (const { taskId } of cancelled) byTask.get(taskId)?.interrupt('cancelled');
      await this.#renewHolds();
      await store.write((tx) => tx.run('update workers set heartbeat_at_ms = $1 where id = $2', [tx.nowMs, id]));
      this.#missed = 0;
    } catch (error) {
      note(`leases were not renewed: ${errorText(error)}`);
      // They have run out by now, whether or not anybody could see it.
      if (++this.#missed >= MAY_MISS) underWay.interruptAll('lost');
    }
  }

  /**
   * The last look before a publish commits.
   * @throws TASK_INTERRUPTED when the attempt is another worker's by now
   */
  async require(claim: Claim, task: string): Promise<void> {
    const { queue, leaseMs } = this.#options;
    let lost: readonly Claim[];
    try {
      ({ lost } = await queue.renew([claim], leaseMs));
    } catch (error) {
      // Without an answer the lease holds for as long as it was last given; the ledger's epoch stands behind it.
      if (this.#missed < MAY_MISS - 1) return;
      throw error;
    }
    if (lost.length > 0)
      throw new SparkifyError('TASK_INTERRUPTED', {
        task,
        why: 'its worker was silent for too long, so that it is another one’s; nothing was published',
      });
  }

  async #renewHolds(): Promise<void> {
    const { queue, leaseMs, holdIdleMs, held, underWay, runs, id } = this.#options;
    if (held === undefined) return;
    const ids = held.ids();
    if (ids.length === 0) return;
    // What is under way of a lost one meets its own lost lease.
    const lost = await queue.renewHolds(id, ids, leaseMs);
    const given = new Set([...lost, ...(await held.idle(holdIdleMs))]);
    const busy = underWay.dataRuns();
    for (const run of (await runs.of(ids)).values())
      if (given.has(run.id) && !busy.has(run.id)) await held.letGo(run, false);
  }
}
