import { describe, expect, test } from 'vitest';
import { dueIntervals, nextDueMs } from '../../src/pipeline/due.ts';
import { cron, every, type ScheduleOptions } from '../../src/pipeline/schedule.ts';

const HOUR = 3_600_000;
const start = Date.parse('2024-05-01T00:00Z');
const hour = (n: number) => ({ startMs: start + n * HOUR, endMs: start + (n + 1) * HOUR });
const hourly = (missed: NonNullable<ScheduleOptions['missed']>) => cron('0 * * * *', { start, missed });

describe('what has come due', () => {
  test('is made once, when it has ended', () => {
    for (const missed of ['all', 'latest', 'none'] as const) {
      const schedule = hourly(missed);
      expect(dueIntervals(schedule, { scheduledToMs: null, nowMs: start + HOUR - 1 })).toEqual({
        create: [],
        scheduledToMs: start,
      });
      const first = dueIntervals(schedule, { scheduledToMs: start, nowMs: start + HOUR });
      expect(first).toEqual({ create: [hour(0)], scheduledToMs: start + HOUR });
      expect(dueIntervals(schedule, { scheduledToMs: first.scheduledToMs, nowMs: start + HOUR + 5 })).toEqual({
        create: [],
        scheduledToMs: start + HOUR,
      });
      expect(nextDueMs(schedule, start + HOUR)).toBe(start + 2 * HOUR);
    }
  });

  test('after hours of silence it is all, the latest, or what ended just now', () => {
    const at = { scheduledToMs: start + HOUR, nowMs: start + 4.5 * HOUR };
    expect(dueIntervals(hourly('all'), at)).toEqual({
      create: [hour(1), hour(2), hour(3)],
      scheduledToMs: start + 4 * HOUR,
    });
    expect(dueIntervals(hourly('latest'), at)).toEqual({ create: [hour(3)], scheduledToMs: start + 4 * HOUR });
    expect(dueIntervals(hourly('none'), at)).toEqual({ create: [], scheduledToMs: start + 4 * HOUR });
    expect(dueIntervals(hourly('none'), { ...at, nowMs: start + 4 * HOUR + 30_000 }).create).toEqual([hour(3)]);
  });

  test('a limit leaves the rest for later', () => {
    const schedule = hourly('all');
    let scheduledToMs: number | null = null;
    const made: unknown[] = [];
    for (let pass = 0; pass < 4; pass++) {
      const due = dueIntervals(schedule, { scheduledToMs, nowMs: start + 5 * HOUR, limit: 2 });
      made.push(...due.create);
      scheduledToMs = due.scheduledToMs;
    }
    expect(made).toEqual([0, 1, 2, 3, 4].map(hour));
    expect(scheduledToMs).toBe(start + 5 * HOUR);
  });

  test('without a start nothing is made of the time before it was first seen', () => {
    for (const missed of ['all', 'latest', 'none'] as const) {
      const schedule = every('1 hour', { missed });
      const seen = dueIntervals(schedule, { scheduledToMs: null, nowMs: start + 0.5 * HOUR });
      expect(seen).toEqual({ create: [], scheduledToMs: start + 0.5 * HOUR });
      expect(dueIntervals(schedule, { scheduledToMs: seen.scheduledToMs, nowMs: start + HOUR }).create).toEqual([
        hour(0),
      ]);
    }
  });

  test('a clock that goes back makes nothing twice', () => {
    const at = { scheduledToMs: start + 4 * HOUR, nowMs: start + 2 * HOUR };
    for (const missed of ['all', 'latest', 'none'] as const)
      expect(dueIntervals(hourly(missed), at)).toEqual({ create: [], scheduledToMs: start + 4 * HOUR });
  });

  test('a schedule that is over makes nothing more', () => {
    const schedule = cron('0 * * * *', { start, end: start + 2 * HOUR });
    expect(dueIntervals(schedule, { scheduledToMs: null, nowMs: start + 9 * HOUR })).toEqual({
      create: [hour(0), hour(1)],
      scheduledToMs: start + 2 * HOUR,
    });
    expect(nextDueMs(schedule, start + 2 * HOUR)).toBeUndefined();
  });
});
