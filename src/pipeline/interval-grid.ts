import { EPOCH_MS_MAX } from './column.ts';
import { cronTimes } from './cron-times.ts';
import type { GraphSchedule } from './graph.ts';
import type { Interval } from './interval.ts';
import { timeZone } from './time-zone.ts';
import { instantsOf, type WallTimes } from './wall-clock.ts';

/**
 * The intervals of a schedule: between its ticks, consecutive, without gap or overlap. Whoever asks often keeps the
 * grid: it remembers what it looked up of its zone.
 */
export interface IntervalGrid {
  /** The intervals that end in `(afterMs, untilMs]`, in order, made as they are taken. */
  endingIn(afterMs: number, untilMs: number): Iterable<Interval>;
  /** The first interval that ends after the instant; undefined when the schedule is over. */
  next(afterMs: number): Interval | undefined;
  /** The last interval that ends at the instant or before; undefined when there is none. */
  previous(atMs: number): Interval | undefined;
  /** The interval that the instant lies in. */
  of(instantMs: number): Interval | undefined;
  /** Is this one of its intervals? */
  has(interval: Interval): boolean;
}

const DAY_MS = 86_400_000;

export function gridOf(schedule: GraphSchedule): IntervalGrid {
  const ticksIn = tickSource(schedule);
  const lastEnd = Math.min(schedule.endMs ?? EPOCH_MS_MAX, EPOCH_MS_MAX);
  /** Ticks of the schedule in `[fromMs, untilMs)`, never before its start. */
  const ticks = (fromMs: number, untilMs: number): readonly number[] =>
    ticksIn(Math.max(fromMs, schedule.startMs), Math.min(untilMs, lastEnd + 1));
  // Windows grow until one holds a tick: small for hourly ones, and a few steps to one in four years.
  const firstFrom = (fromMs: number): number | undefined => {
    let at = Math.max(fromMs, schedule.startMs);
    for (let width = DAY_MS; at <= lastEnd; width *= 8) {
      const [first] = ticks(at, at + width);
      if (first !== undefined) return first;
      at += width;
    }
    return undefined;
  };
  const lastBefore = (untilMs: number): number | undefined => {
    let at = Math.min(untilMs, lastEnd + 1);
    for (let width = DAY_MS; at > schedule.startMs; width *= 8) {
      const last = ticks(at - width, at).at(-1);
      if (last !== undefined) return last;
      at -= width;
    }
    return undefined;
  };
  const between = (startMs: number | undefined, endMs: number | undefined): Interval | undefined =>
    startMs === undefined || endMs === undefined ? undefined : { startMs, endMs };
  const grid: IntervalGrid = {
    *endingIn(afterMs, untilMs) {
      let startMs = lastBefore(afterMs + 1) ?? firstFrom(afterMs + 1);
      if (startMs === undefined) return;
      const last = Math.min(untilMs, lastEnd);
      for (let at = startMs + 1; at <= last; at += 30 * DAY_MS) {
        for (const endMs of ticks(at, Math.min(at + 30 * DAY_MS, last + 1))) {
          yield { startMs, endMs };
          startMs = endMs;
        }
      }
    },
    next: (afterMs) => {
      const startMs = lastBefore(afterMs + 1) ?? firstFrom(afterMs + 1);
      return startMs === undefined ? undefined : between(startMs, firstFrom(startMs + 1));
    },
    previous: (atMs) => {
      const endMs = lastBefore(atMs + 1);
      return endMs === undefined ? undefined : between(lastBefore(endMs), endMs);
    },
    of: (instantMs) => between(lastBefore(instantMs + 1), firstFrom(instantMs + 1)),
    has: (interval) => {
      const found = grid.of(interval.startMs);
      return found?.startMs === interval.startMs && found.endMs === interval.endMs;
    },
  };
  return grid;
}

/** Ticks in `[fromMs, untilMs)`, strictly increasing. */
function tickSource(schedule: GraphSchedule): (fromMs: number, untilMs: number) => readonly number[] {
  const { startMs, everyMs } = schedule;
  const zone = timeZone(schedule.timeZone)!;
  if (everyMs === undefined) {
    const times = cronTimes(schedule.cron!);
    return (fromMs, untilMs) => instantsOf(times, zone, fromMs, untilMs);
  }
  if (everyMs % DAY_MS !== 0) return steps(startMs, everyMs).between;
  const days = steps(startMs + zone.offsetAt(startMs), everyMs);
  return (fromMs, untilMs) => instantsOf(days, zone, fromMs, untilMs);
}

/** Equal steps through a first time, in both directions. */
function steps(originMs: number, everyMs: number): WallTimes {
  return {
    named: true,
    between: (fromMs, untilMs) => {
      const result: number[] = [];
      for (let k = Math.ceil((fromMs - originMs) / everyMs); originMs + k * everyMs < untilMs; k++)
        result.push(originMs + k * everyMs);
      return result;
    },
  };
}

/** The intervals that end in `(afterMs, untilMs]`, in order. */
export function intervalsEndingIn(schedule: GraphSchedule, afterMs: number, untilMs: number): readonly Interval[] {
  return [...gridOf(schedule).endingIn(afterMs, untilMs)];
}

/** The first interval that ends after the instant: the next one to come due. */
export function nextInterval(schedule: GraphSchedule, afterMs: number): Interval | undefined {
  return gridOf(schedule).next(afterMs);
}

/** The interval before one: the last that ends where this begins, or earlier. */
export function previousInterval(schedule: GraphSchedule, interval: Interval): Interval | undefined {
  return gridOf(schedule).previous(interval.startMs);
}

/** The interval that the instant lies in. */
export function intervalOf(schedule: GraphSchedule, instantMs: number): Interval | undefined {
  return gridOf(schedule).of(instantMs);
}

/** Is this one of the schedule's intervals? */
export function onGrid(schedule: GraphSchedule, interval: Interval): boolean {
  return gridOf(schedule).has(interval);
}
