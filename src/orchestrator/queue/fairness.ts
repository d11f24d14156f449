/** Of so many claims in a row, the last one goes to whatever has waited longest. */
export const OLDEST_EVERY = 8;

/**
 * Keeps the urgent from starving the rest: claims go by priority, but every eighth goes to the task that has waited longest,
 * whatever its priority. However many live tasks keep coming, a backfill gets on, at an eighth of the pace at least as soon
 * as it is the oldest. Counted per worker, so nothing has to be shared.
 */
export class Fairness {
  #taken = 0;

  /** Whether the claim after `more` others from now is one of those that go by age. */
  isForOldest(more: number): boolean {
    return (this.#taken + more) % OLDEST_EVERY === OLDEST_EVERY - 1;
  }

  /** How many of the next `count` claims go by age. */
  shareOfOldest(count: number): number {
    return Math.floor(((this.#taken % OLDEST_EVERY) + count) / OLDEST_EVERY);
  }

  took(count: number): void {
    this.#taken += count;
  }
}
