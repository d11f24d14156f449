import type { Clock } from '../../core/clock.ts';
import type { Timers } from '../../core/timers.ts';
import type { Store, StoreTransaction } from '../store/store.ts';
import { mendAfterJumpBack } from './mend-after-jump-back.ts';

/** Says whether time can be trusted. */
export interface ClockWatch {
  /** Compares the clocks. @returns in how many milliseconds to look again */
  look(): Promise<number>;
  /** Time stood still or jumped lately: leases that look expired may belong to somebody who is about to renew them. */
  readonly unsettled: boolean;
  /** The store's time, as of the last look and what has passed since; before the first one, this process's. */
  readonly storeClock: Clock;
}

export interface ClockWatchOptions {
  readonly store: Store;
  readonly timers: Timers;
  /** The clock of this process, which people and servers set. */
  readonly nowMs: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicMs: () => number;
  /** How long leases are not judged after a jump; a lease's time. */
  readonly settleMs: number;
  /** A clock that is off by more than this, within one look, was set. @default 5_000 */
  readonly jumpMs?: number;
}

const LOOK_MS = 1_000;
const JUMP_MS = 5_000;
/** A look that comes so late means that the process stood still. */
const STOOD_STILL_MS = 5_000;

/**
 * Compares the store's clock, by which everything is leased and due, with one that only goes forward: on an embedded store it is
 * this machine's, on PostgreSQL the server's.
 */
export function watchClock(options: ClockWatchOptions): ClockWatch {
  const { store, timers, nowMs, monotonicMs, settleMs, jumpMs = JUMP_MS } = options;
  let last: Reading | undefined;
  let unsettled = false;
  let cancel = (): void => {};
  const unsettle = (): void => {
    unsettled = true;
    cancel();
    cancel = timers.later(settleMs, () => {
      unsettled = false;
    });
  };
  const begunMs = monotonicMs();
  let looking: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    const before = last;
    const now = await readClocks(store, monotonicMs);
    last = now;
    const sinceMs = before?.steadyMs ?? begunMs;
    if (now.steadyMs - sinceMs > LOOK_MS + STOOD_STILL_MS) unsettle();
    if (before === undefined) return;
    const byMs = Math.round(now.storeMs - before.storeMs - (now.steadyMs - before.steadyMs));
    if (Math.abs(byMs) <= jumpMs + now.withinMs + before.withinMs) return;
    unsettle();
    await store.write((tx) => tellJump(tx, byMs, jumpMs, settleMs));
  };
  return {
    get unsettled() {
      return unsettled;
    },
    storeClock: {
      nowMs: () => (last === undefined ? nowMs() : last.storeMs + Math.round(monotonicMs() - last.steadyMs)),
    },
    look: async () => {
      looking ??= look().finally(() => {
        looking = undefined;
      });
      await looking;
      return LOOK_MS;
    },
  };
}

interface Reading {
  readonly storeMs: number;
  /** When it was asked, by the steady clock, as nearly as this. */
  readonly steadyMs: number;
  readonly withinMs: number;
}

async function readClocks(store: Store, monotonicMs: () => number): Promise<Reading> {
  const asked = monotonicMs();
  const storeMs = await store.write(async (tx) => tx.nowMs);
  const withinMs = (monotonicMs() - asked) / 2;
  return { storeMs, steadyMs: asked + withinMs, withinMs };
}

/** Several schedulers notice a jump of the clock they share; the first one tells of it and mends. */
async function tellJump(tx: StoreTransaction, byMs: number, jumpMs: number, settleMs: number): Promise<void> {
  const name = 'clock';
  await tx.run('insert into cursors (name, seq) values ($1, 0) on conflict do nothing', [name]);
  // An update that changes nothing: on PostgreSQL it makes a second one wait for the first.
  const [told] = await tx.all<{ seq: number }>('update cursors set seq = seq where name = $1 returning seq', [name]);
  // Where two jumps lead is further apart than any of them is long.
  if (Math.abs(tx.nowMs - Number(told!.seq)) < jumpMs) return;
  await tx.run('update cursors set seq = $2 where name = $1', [name, tx.nowMs]);
  tx.emit({ type: 'clock.jumped', byMs });
  if (byMs < 0) await mendAfterJumpBack(tx, byMs, settleMs);
}
