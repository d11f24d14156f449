import type { ClaimedTask, Completion } from '../queue/queue.ts';
import type { StoreReader } from '../store/store.ts';
import { type Attempt, type AttemptHost, beginAttempt, type Interruption } from './attempt.ts';
import type { RunFacts } from './run-facts.ts';

/** The attempts of a worker, from their claim until the store knows how they ended. */
export class AttemptsUnderWay {
  readonly #onEnd: () => void;
  readonly #byTask = new Map<number, Attempt>();
  #ended: Completion[] = [];

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  get size(): number {
    return this.#byTask.size;
  }

  all(): readonly Attempt[] {
    return [...this.#byTask.values()];
  }

  begin(claimed: ClaimedTask, run: RunFacts | undefined, host: AttemptHost): Attempt {
    const attempt = beginAttempt(claimed, run, host);
    this.#byTask.set(claimed.taskId, attempt);
    void attempt.ended.then((completion) => {
      if (completion !== undefined) this.#ended.push(completion);
      // A lost one has nothing to tell; the same task may have been claimed anew meanwhile.
      else if (this.#byTask.get(claimed.taskId) === attempt) this.#byTask.delete(claimed.taskId);
      this.#onEnd();
    });
    return attempt;
  }

  /** Tasks that were claimed and cannot be begun: they are given back with what is told next. */
  refuse(claimed: readonly ClaimedTask[], reason: string): void {
    for (const { taskId, worker, attempt } of claimed)
      this.#ended.push({ state: 'released', claim: { taskId, worker, attempt }, reason });
  }

  /** What has ended and is not told yet. */
  takeEnded(): readonly Completion[] {
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  /** It could not be told after all. */
  putBack(completions: readonly Completion[]): void {
    this.#ended = [...completions, ...this.#ended];
  }

  /** The store knows. */
  forget(completions: readonly Completion[]): void {
    for (const { claim } of completions)
      if (this.#byTask.get(claim.taskId)?.claim.attempt === claim.attempt) this.#byTask.delete(claim.taskId);
  }

  /** Nobody will know: its leases run out by themselves. */
  abandon(): void {
    this.#byTask.clear();
    this.#ended = [];
  }

  /**
   * Slots that are taken once these are told. Data tasks of one run follow one another: together they take one.
   */
  slotsWithout(told: readonly Completion[]): number {
    const ended = new Set(told.map((c) => c.claim.taskId));
    let slots = 0;
    const held = new Set<number>();
    for (const attempt of this.#byTask.values()) {
      if (ended.has(attempt.claim.taskId)) continue;
      if (attempt.data) held.add(attempt.runId);
      else slots++;
    }
    return slots + held.size;
  }

  /** Runs of which a data task is under way. */
  dataRuns(): ReadonlySet<number> {
    return new Set(this.all().flatMap((a) => (a.data ? [a.runId] : [])));
  }

  interruptAll(why: Interruption): void {
    for (const attempt of this.#byTask.values()) attempt.interrupt(why);
  }

  /** Interrupts what belongs to runs that are being cancelled. */
  async interruptCancelled(db: StoreReader): Promise<void> {
    const running = this.all();
    if (running.length === 0) return;
    const rows = await db
      .selectFrom('runs')
      .select('id')
      .where('id', 'in', [...new Set(running.map((a) => a.runId))])
      .where('state', 'in', ['cancelling', 'cancelled'])
      .execute();
    const cancelled = new Set(rows.map((r) => r.id));
    for (const attempt of running) if (cancelled.has(attempt.runId)) attempt.interrupt('cancelled');
  }
}
