import type { Clock } from '../../core/clock.ts';
import { SparkifyError } from '../../core/errors.ts';
import { tokenHash } from '../tokens/token-text.ts';

const WINDOW_MS = 60_000;
const MOST = 10;
/** Of addresses and of tokens that are remembered. */
const REMEMBERED = 10_000;

/**
 * Wrong tokens, by address: open → (ten within a minute) → closed → (a minute later) open. While an address is closed,
 * only tokens that were right before are looked at, so that a neighbour behind the same proxy locks nobody out.
 */
export class FailureLimit {
  readonly #clock: Clock;
  /** Begin of the window and failures in it, in the order of begins. */
  readonly #failures = new Map<string, { sinceMs: number; count: number }>();
  readonly #right = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws TOO_MANY_FAILURES */
  admit(address: string, token: string): void {
    const found = this.#failures.get(address);
    if (found === undefined || found.count < MOST) return;
    const leftMs = found.sinceMs + WINDOW_MS - this.#clock.nowMs();
    if (leftMs <= 0) this.#failures.delete(address);
    else if (!this.#right.has(tokenHash(token)))
      throw new SparkifyError('TOO_MANY_FAILURES', { seconds: Math.ceil(leftMs / 1000) });
  }

  wrong(address: string): void {
    const nowMs = this.#clock.nowMs();
    const found = this.#failures.get(address);
    if (found !== undefined && nowMs - found.sinceMs < WINDOW_MS) {
      found.count++;
      return;
    }
    this.#failures.delete(address);
    this.#failures.set(address, { sinceMs: nowMs, count: 1 });
    forgetOldest(this.#failures);
  }

  right(token: string): void {
    const hash = tokenHash(token);
    this.#right.delete(hash);
    this.#right.add(hash);
    forgetOldest(this.#right);
  }
}

function forgetOldest(entries: Map<string, unknown> | Set<string>): void {
  if (entries.size <= REMEMBERED) return;
  for (const key of entries.keys()) {
    entries.delete(key);
    return;
  }
}
