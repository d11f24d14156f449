import type { GraphSchedule } from './graph.ts';
import type { Interval } from './interval.ts';
import { gridOf, type IntervalGrid } from './interval-grid.ts';

/** An interval that ended so lately was not missed: whoever made the runs was there, or just restarted. */
const ON_TIME_MS = 60_000;

export interface DueIntervals {
  /** Runs to make, oldest first. */
  readonly create: readonly Interval[];
  /** To remember: intervals that end at or before it are made, or passed over for good. */
  readonly scheduledToMs: number;
}

/**
 * The intervals whose time has come, as `missed` has it. all: each of them. latest: only the last. none: only one that
 * ended within the last minute. A schedule without a start makes nothing of what ended before it was first seen.
 * @param scheduledToMs as remembered; null when the schedule was never looked at
 * @param limit at most so many; the others are due still
 */
export function dueIntervals(
  schedule: GraphSchedule,
  at: { readonly scheduledToMs: number | null; readonly nowMs: number; readonly limit?: number },
  grid: IntervalGrid = gridOf(schedule),
): DueIntervals {
  const { nowMs, limit = Number.POSITIVE_INFINITY } = at;
  const afterMs = at.scheduledToMs ?? (schedule.startless === true ? nowMs : schedule.startMs);
  if (schedule.missed === 'all') {
    const create: Interval[] = [];
    for (const interval of grid.endingIn(afterMs, nowMs)) {
      if (create.length >= limit) break;
      create.push(interval);
    }
    return { create, scheduledToMs: create.at(-1)?.endMs ?? afterMs };
  }
  const last = grid.previous(nowMs);
  if (last === undefined || last.endMs <= afterMs) return { create: [], scheduledToMs: afterMs };
  const wanted = schedule.missed === 'latest' || nowMs - last.endMs <= ON_TIME_MS;
  return { create: wanted ? [last] : [], scheduledToMs: last.endMs };
}

/** When the next interval comes due, in epoch milliseconds; undefined when the schedule is over. */
export function nextDueMs(
  schedule: GraphSchedule,
  afterMs: number,
  grid: IntervalGrid = gridOf(schedule),
): number | undefined {
  return grid.next(afterMs)?.endMs;
}
