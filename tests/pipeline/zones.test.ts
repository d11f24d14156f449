import { describe, expect, test } from 'vitest';
import type { GraphSchedule } from '../../src/pipeline/graph.ts';
import type { Interval } from '../../src/pipeline/interval.ts';
import { gridOf } from '../../src/pipeline/interval-grid.ts';
import { cron, every } from '../../src/pipeline/schedule.ts';
import { type Transition, timeZone } from '../../src/pipeline/time-zone.ts';

/**
 * Every zone over ten years, against nothing but the clock that Intl shows. `npm test` draws one change of each zone's
 * clock and two of the years, `SPARKIFY_CASES` (see `npm run test:long`) takes all of them.
 */
const LONG = process.env.SPARKIFY_CASES !== undefined;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const FROM = Date.UTC(2011, 5, 1);
const UNTIL = Date.UTC(2021, 5, 1);
const ZONES = Intl.supportedValuesOf('timeZone');

/** Park and Miller's minimal generator: from 0 to below 1. */
function randomFrom(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return (state - 1) / 2_147_483_646;
  };
}

const random = randomFrom(Number(process.env.SPARKIFY_SEED ?? 20_240_331));
const oneOf = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;

interface Clock {
  /** What it shows, as if it were UTC, in milliseconds. */
  shows(ms: number): number;
}

function clockOf(zone: string): Clock {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  return { shows: (ms) => Date.parse(`${format.format(ms).replace(' ', 'T')}Z`) };
}

const known = new Map<string, readonly Transition[]>();

function changesOf(zone: string): readonly Transition[] {
  const found = known.get(zone) ?? timeZone(zone)!.transitions(FROM + 3 * DAY, UNTIL - 3 * DAY);
  known.set(zone, found);
  return found;
}

/** Spans in which a zone's clock is changed; else, or among many, one in which perhaps nothing happens. */
function spans(zone: string, many: boolean): readonly Interval[] {
  const changes = changesOf(zone);
  const chosen = many ? changes : changes.length === 0 ? [] : [oneOf(changes)];
  const quiet = FROM + Math.floor(3 + random() * ((UNTIL - FROM) / DAY - 7)) * DAY;
  const begins = chosen.map((c) => floorTo(c.atMs, DAY) - DAY);
  return (many || begins.length === 0 ? [...begins, quiet] : begins).map((startMs) => ({
    startMs,
    endMs: startMs + 3 * DAY,
  }));
}

function floorTo(ms: number, unit: number): number {
  return Math.floor(ms / unit) * unit;
}

/** Instants of a span at which the clock begins to show one of these times of the day; a jump over one shows it too. */
function shown(clock: Clock, span: Interval, times: readonly number[]): readonly number[] {
  const seen = new Set<number>();
  const result: number[] = [];
  let before = clock.shows(span.startMs - 2 * DAY);
  const look = (at: number, now: number): void => {
    const passed: number[] = [];
    for (let day = floorTo(before, DAY); day <= now; day += DAY)
      passed.push(...times.map((t) => day + t).filter((t) => t > before && t <= now && !seen.has(t)));
    // A zone that leaves out whole days leaves out their times.
    const here = now - before > DAY ? passed.filter((t) => t === now) : passed;
    for (const t of passed) seen.add(t);
    if (here.length > 0 && at >= span.startMs) result.push(at);
    before = now;
  };
  const quarter = 15 * MINUTE;
  for (let at = span.startMs - 2 * DAY; at < span.endMs - quarter; at += quarter) {
    const then = clock.shows(at + quarter);
    // Where the clock is changed, and that may be at one minute past, every minute counts.
    if (then - before === quarter) look(at + quarter, then);
    else for (let next = at + MINUTE; next <= at + quarter; next += MINUTE) look(next, clock.shows(next));
  }
  return result;
}

function ticksWithin(schedule: GraphSchedule, span: Interval): readonly number[] {
  const ends = [...gridOf(schedule).endingIn(span.startMs - 1, span.endMs - 1)];
  return ends.map((i) => i.endMs);
}

describe('in every zone', { timeout: 600_000 }, () => {
  test('named times come once a day, whatever the clock does', () => {
    for (const zone of ZONES) {
      const clock = clockOf(zone);
      for (const span of spans(zone, LONG)) {
        const times = [oneOf([0, 1, 2, 3, 23]), 12].map((hour) => ({ hour, minute: oneOf([0, 15, 30, 45]) }));
        const { minute } = times[0]!;
        const hours = times.map((t) => t.hour);
        const schedule = cron(`${minute} ${hours.join(',')} * * *`, { timeZone: zone, start: FROM });
        const expected = shown(
          clock,
          span,
          hours.map((h) => h * HOUR + minute * MINUTE),
        );
        expect(ticksWithin(schedule, span), `${schedule.text} in ${zone}`).toEqual(expected);
      }
    }
  });

  test('what repeats comes whenever the clock shows it', () => {
    for (const zone of ZONES) {
      const clock = clockOf(zone);
      for (const span of spans(zone, LONG)) {
        const minute = oneOf([0, 15, 30, 45]);
        const schedule = cron(`${minute} * * * *`, { timeZone: zone, start: FROM });
        const expected: number[] = [];
        for (let at = span.startMs; at < span.endMs; at += 15 * MINUTE)
          if ((clock.shows(at) / MINUTE) % 60 === minute) expected.push(at);
        expect(ticksWithin(schedule, span), `${schedule.text} in ${zone}`).toEqual(expected);
      }
    }
  });

  test('ten years of days are one day of the calendar each, without gap or overlap', () => {
    for (const zone of ZONES) {
      const clock = clockOf(zone);
      const year = LONG ? 2011 : oneOf([2011, 2013, 2015, 2017, 2019]);
      const years = LONG ? 10 : 2;
      const span = { timeZone: zone, start: `${year}-06-01`, end: `${year + years}-06-01` };
      const schedule = oneOf([() => cron('0 0 * * *', span), () => every('1 day', span)])();
      const [from, until] = [Date.parse(span.start), Date.parse(span.end)];
      const intervals = [...gridOf(schedule).endingIn(0, UNTIL + DAY)];
      expect(clock.shows(intervals[0]!.startMs), zone).toBe(from);
      expect(clock.shows(intervals.at(-1)!.endMs), zone).toBe(until);
      const leftOut = intervals.filter((interval, i) => {
        // Not merely sorted: the end of each is the beginning of the next.
        if (i > 0 && interval.startMs !== intervals[i - 1]!.endMs) throw new Error(`${zone}: a gap before day ${i}`);
        return interval.endMs <= interval.startMs;
      });
      expect(leftOut, zone).toEqual([]);
      // 30 December 2011 never was there.
      const leftOutDays = year === 2011 && ['Pacific/Apia', 'Pacific/Fakaofo'].includes(zone) ? 1 : 0;
      expect(intervals.length, zone).toBe((until - from) / DAY - leftOutDays);
      for (const interval of LONG ? intervals : [oneOf(intervals), oneOf(intervals)]) {
        const [first, last] = [clock.shows(interval.startMs), clock.shows(interval.endMs - 1000)];
        expect(floorTo(first, DAY), zone).toBe(floorTo(last, DAY));
      }
    }
  });

  test('an instant lies in the interval that the enumeration has around it', () => {
    for (const zone of ZONES) {
      const [span] = spans(zone, false);
      const schedule = oneOf([
        () => cron('*/20 1-4 * * *', { timeZone: zone, start: FROM }),
        () => cron('30 2 * * mon-sat', { timeZone: zone, start: FROM }),
        () => every('5 hours', { timeZone: zone, start: FROM }),
        () => every('3 days', { timeZone: zone, start: FROM }),
      ])();
      const grid = gridOf(schedule);
      const at = span!.startMs + Math.floor(random() * 3 * DAY);
      const around = [...grid.endingIn(at, at + 8 * DAY)][0]!;
      expect(around.startMs).toBeLessThanOrEqual(at);
      expect(around.endMs).toBeGreaterThan(at);
      expect(grid.of(at), `${schedule.text} in ${zone}`).toEqual(around);
      expect(grid.next(at)).toEqual(around);
      expect(grid.has(around)).toBe(true);
      expect(grid.previous(around.endMs)).toEqual(around);
      expect(grid.previous(at)?.endMs).toBe(around.startMs);
    }
  });
});

const longTest = LONG ? test : undefined;

longTest?.('no zone changes its offset and back between two looks', { timeout: 600_000 }, () => {
  for (const zone of ZONES) {
    const { offsetAt, transitions } = timeZone(zone)!;
    const known = transitions(Date.UTC(2000, 0, 1), Date.UTC(2040, 0, 1));
    let next = 0;
    let offset = offsetAt(Date.UTC(2000, 0, 1));
    for (let at = Date.UTC(2000, 0, 1) + 12 * HOUR; at < Date.UTC(2040, 0, 1); at += 12 * HOUR) {
      const now = offsetAt(at);
      if (now === offset) continue;
      expect(known[next], zone).toMatchObject({ beforeMs: offset, afterMs: now });
      expect(known[next]!.atMs, zone).toBeLessThanOrEqual(at);
      next++;
      offset = now;
    }
    expect(next, zone).toBe(known.length);
  }
});
