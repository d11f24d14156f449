import type { TimeZone, Transition } from './time-zone.ts';

/**
 * Times on a clock on the wall, as if they were UTC: `[fromMs, untilMs)` in increasing order. A clock knows nothing of
 * zones, so the same times serve for every one.
 */
export interface WallTimes {
  between(fromMs: number, untilMs: number): readonly number[];
  /**
   * What happens when the clock is changed. true, for named times of the day: a time that the clock jumps over happens
   * when it has jumped, one that it shows twice happens the first time. false, for what repeats (`*`, steps): as often
   * as the clock shows it.
   */
  readonly named: boolean;
}

const DAY_MS = 86_400_000;

/** The instants in `[fromMs, untilMs)` at which a zone's clock shows one of the times; strictly increasing. */
export function instantsOf(times: WallTimes, zone: TimeZone, fromMs: number, untilMs: number): readonly number[] {
  const result: number[] = [];
  const add = (ms: number): void => {
    if (ms >= fromMs && ms < untilMs && ms > (result.at(-1) ?? Number.NEGATIVE_INFINITY)) result.push(ms);
  };
  // A change shortly before may have put times of this window into the one before it.
  const changes = zone.transitions(fromMs - 2 * DAY_MS, untilMs);
  let at = fromMs - 2 * DAY_MS;
  let offset = changes[0]?.beforeMs ?? zone.offsetAt(at);
  let shownUntil = Number.NEGATIVE_INFINITY;
  const stretch = (endMs: number): void => {
    const from = Math.max(at, fromMs) + offset;
    for (const wall of times.between(times.named ? Math.max(from, shownUntil) : from, endMs + offset))
      add(wall - offset);
  };
  for (const change of changes) {
    stretch(change.atMs);
    if (times.named && jumpedOver(times, change)) add(change.atMs);
    shownUntil = Math.max(shownUntil, change.atMs + change.beforeMs);
    at = change.atMs;
    offset = change.afterMs;
  }
  stretch(untilMs);
  return result;
}

/** A day that a zone leaves out (Samoa on 30 December 2011) has no times. */
function jumpedOver(times: WallTimes, { atMs, beforeMs, afterMs }: Transition): boolean {
  if (afterMs <= beforeMs || afterMs - beforeMs >= DAY_MS) return false;
  return times.between(atMs + beforeMs, atMs + afterMs).length > 0;
}

/** The instant at which the zone's clock shows this time: the first one, or the end of the jump over it. */
export function instantOf(wallMs: number, zone: TimeZone): number {
  const times: WallTimes = {
    named: true,
    between: (fromMs, untilMs) => (wallMs >= fromMs && wallMs < untilMs ? [wallMs] : []),
  };
  return instantsOf(times, zone, wallMs - 2 * DAY_MS, wallMs + 2 * DAY_MS)[0] ?? wallMs - zone.offsetAt(wallMs);
}
