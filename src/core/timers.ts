import type { Clock } from './clock.ts';

/** Calls things later; beside the clock, all that a loop knows of time. */
export interface Timers {
  /** Calls `work` once, after `delayMs` or, with very long delays, before; gives back what takes it back. */
  later(delayMs: number, work: () => void): () => void;
}

/** Node's timers count in 32 bits. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemTimers: Timers = {
  later: (delayMs, work) => {
    const timer = setTimeout(work, Math.min(Math.max(0, delayMs), LONGEST_MS));
    return () => clearTimeout(timer);
  },
};

/** Time that passes when it is told to. */
export interface VirtualTime extends Clock, Timers {
  /** Moves the clock and calls what has become due on the way, in the order of time. */
  advance(ms: number): void;
  /** When the next timer is due; undefined: none waits. */
  nextMs(): number | undefined;
}

interface Waiting {
  readonly atMs: number;
  readonly work: () => void;
}

export function virtualTime(startMs: number): VirtualTime {
  let now = startMs;
  const waiting = new Set<Waiting>();
  const next = (): Waiting | undefined => {
    let first: Waiting | undefined;
    for (const w of waiting) if (first === undefined || w.atMs < first.atMs) first = w;
    return first;
  };
  return {
    nowMs: () => now,
    nextMs: () => next()?.atMs,
    later: (delayMs, work) => {
      const own = { atMs: now + Math.max(0, delayMs), work };
      waiting.add(own);
      return () => void waiting.delete(own);
    },
    advance: (ms) => {
      const untilMs = now + ms;
      for (let due = next(); due !== undefined && due.atMs <= untilMs; due = next()) {
        waiting.delete(due);
        now = Math.max(now, due.atMs);
        due.work();
      }
      now = untilMs;
    },
  };
}
