import { describe, expect, test } from 'vitest';
import type { GraphSchedule } from '../../src/pipeline/graph.ts';
import {
  gridOf,
  intervalOf,
  intervalsEndingIn,
  nextInterval,
  onGrid,
  previousInterval,
} from '../../src/pipeline/interval-grid.ts';
import { cron, every } from '../../src/pipeline/schedule.ts';

const DAY = 86_400_000;
const at = (text: string): number => Date.parse(text);

/** Starts and the last end of a schedule's intervals up to an instant, as `MM-DDTHH:mm` in UTC. */
function ticks(schedule: GraphSchedule, until: string): readonly string[] {
  const intervals = intervalsEndingIn(schedule, 0, at(until));
  const all = [...intervals.map((i) => i.startMs), ...intervals.slice(-1).map((i) => i.endMs)];
  return all.map((ms) => new Date(ms).toISOString().slice(5, 16));
}

describe('cron', () => {
  test('makes intervals between its times, in UTC', () => {
    const daily = cron('0 7 * * *', { start: '2018-11-01' });
    expect(daily).toEqual({
      text: '0 7 * * *',
      cron: '0 7 * * *',
      everyMs: undefined,
      timeZone: 'UTC',
      startMs: at('2018-11-01T00:00Z'),
      startless: false,
      endMs: undefined,
      missed: 'all',
    });
    expect(ticks(daily, '2018-11-04T06:59Z')).toEqual(['11-01T07:00', '11-02T07:00', '11-03T07:00']);
    expect(ticks(daily, '2018-11-04T07:00Z')).toHaveLength(4);
  });

  test.each([
    ['@daily', ['11-01T00:00', '11-02T00:00', '11-03T00:00']],
    ['0 0,12 * * *', ['11-01T00:00', '11-01T12:00', '11-02T00:00', '11-02T12:00', '11-03T00:00']],
    ['0 0 * * sat', ['11-03T00:00', '11-10T00:00']],
    ['30 6 L * *', ['11-30T06:30', '12-31T06:30']],
    ['15 30 12 2 11 *', ['11-02T12:30', '11-02T12:30']],
  ])('%s', (pattern, expected) => {
    const found = intervalsEndingIn(cron(pattern, { start: '2018-11-01' }), 0, at('2019-11-03T00:00Z'));
    const starts = [found[0]!.startMs, ...found.map((i) => i.endMs)];
    expect(starts.slice(0, expected.length).map((ms) => new Date(ms).toISOString().slice(5, 16))).toEqual(expected);
  });

  test('a start in a zone is local, unless it says otherwise', () => {
    const starts = ['2024-03-01', '2024-03-01T00:00:00', '2024-02-29T23:00Z', '2024-03-01T05:30+06:30'].map(
      (start) => cron('@daily', { start, timeZone: 'Europe/Brussels' }).startMs,
    );
    expect(new Set(starts)).toEqual(new Set([at('2024-02-29T23:00Z')]));
    expect(cron('@daily', { start: new Date(DAY * 20_000) }).startMs).toBe(DAY * 20_000);
  });

  test('a named time that the clock jumps over comes when it has jumped, one it shows twice comes once', () => {
    const zone = { timeZone: 'Europe/Brussels' };
    expect(ticks(cron('30 2 * * *', { ...zone, start: '2024-03-30' }), '2024-04-02T00:00Z')).toEqual([
      '03-30T01:30',
      '03-31T01:00',
      '04-01T00:30',
    ]);
    expect(ticks(cron('30 2 * * *', { ...zone, start: '2024-10-26' }), '2024-10-29T00:00Z')).toEqual([
      '10-26T00:30',
      '10-27T00:30',
      '10-28T01:30',
    ]);
    expect(ticks(cron('0 2,14 * * *', { ...zone, start: '2024-03-30T12:00' }), '2024-04-01T00:00Z')).toEqual([
      '03-30T13:00',
      '03-31T01:00',
      '03-31T12:00',
      '04-01T00:00',
    ]);
  });

  test('what repeats comes as often as the clock shows it', () => {
    const zone = { timeZone: 'Europe/Brussels' };
    const spring = intervalsEndingIn(cron('0 * * * *', { ...zone, start: '2024-03-31' }), 0, at('2024-03-31T22:00Z'));
    expect(spring).toHaveLength(23);
    const autumn = intervalsEndingIn(cron('0 * * * *', { ...zone, start: '2024-10-27' }), 0, at('2024-10-27T23:00Z'));
    expect(autumn).toHaveLength(25);
    expect([...spring, ...autumn].every((i) => i.endMs - i.startMs === DAY / 24)).toBe(true);
  });

  test('zones of half hours, of half an hour of summer time, and days that a zone leaves out', () => {
    expect(ticks(cron('0 0 * * *', { timeZone: 'Asia/Kolkata', start: '2024-01-01' }), '2024-01-03T00:00Z')).toEqual([
      '12-31T18:30',
      '01-01T18:30',
      '01-02T18:30',
    ]);
    // Clocks went from 02:00 back to 01:30.
    const lordHowe = { timeZone: 'Australia/Lord_Howe', start: '2024-04-07' };
    expect(ticks(cron('0 * * * *', lordHowe), '2024-04-06T17:00Z')).toEqual([
      '04-06T13:00',
      '04-06T14:00',
      '04-06T15:30',
      '04-06T16:30',
    ]);
    expect(ticks(cron('30 * * * *', lordHowe), '2024-04-06T17:00Z')).toEqual([
      '04-06T13:30',
      '04-06T14:30',
      '04-06T15:00',
      '04-06T16:00',
      '04-06T17:00',
    ]);
    // 30 December 2011 never was in Samoa.
    expect(ticks(cron('0 7 * * *', { timeZone: 'Pacific/Apia', start: '2011-12-28' }), '2012-01-01T00:00Z')).toEqual([
      '12-28T17:00',
      '12-29T17:00',
      '12-30T17:00',
      '12-31T17:00',
    ]);
    // The last hour of 30 March 2024 never was in Nuuk.
    expect(ticks(cron('30 23 * * *', { timeZone: 'America/Nuuk', start: '2024-03-29' }), '2024-04-02T00:00Z')).toEqual([
      '03-30T01:30',
      '03-31T01:00',
      '04-01T00:30',
    ]);
  });

  test('three years of hours take no time', () => {
    const began = performance.now();
    const hours = intervalsEndingIn(
      cron('0 * * * *', { start: '2020-01-01', timeZone: 'Europe/Brussels' }),
      0,
      at('2022-12-31T23:00Z'),
    );
    expect(hours).toHaveLength(26_304);
    // Measured: 20 ms.
    expect(performance.now() - began).toBeLessThan(500);
  });
});

describe('every', () => {
  test('counts elapsed time from its start', () => {
    const half = every('12 hours', { start: '2024-03-30T07:00', timeZone: 'Europe/Brussels' });
    expect(half).toMatchObject({ text: 'every 12 hours', cron: undefined, everyMs: DAY / 2 });
    expect(ticks(half, '2024-04-01T00:00Z')).toEqual(['03-30T06:00', '03-30T18:00', '03-31T06:00', '03-31T18:00']);
    expect(ticks(every('90 minutes', { start: '2024-01-01' }), '2024-01-01T05:00Z')).toEqual([
      '01-01T00:00',
      '01-01T01:30',
      '01-01T03:00',
      '01-01T04:30',
    ]);
  });

  test('whole days follow the calendar of the zone', () => {
    const days = every('1 day', { start: '2024-03-30', timeZone: 'Europe/Brussels' });
    expect(days.text).toBe('every day');
    expect(ticks(days, '2024-04-01T22:00Z')).toEqual(['03-29T23:00', '03-30T23:00', '03-31T22:00', '04-01T22:00']);
    const weeks = every('2 weeks', { start: '2024-03-25T06:00', timeZone: 'Europe/Brussels' });
    expect(ticks(weeks, '2024-05-01T00:00Z')).toEqual(['03-25T05:00', '04-08T04:00', '04-22T04:00']);
    const samoa = every('1 day', { start: '2011-12-28', timeZone: 'Pacific/Apia' });
    expect(ticks(samoa, '2012-01-01T00:00Z')).toEqual(['12-28T10:00', '12-29T10:00', '12-30T10:00', '12-31T10:00']);
  });

  test('without a start it is anchored at midnight on 1 January 2000', () => {
    expect(every('7 days').startMs).toBe(at('2000-01-01T00:00Z'));
    expect(every('1 day', { timeZone: 'America/New_York' })).toMatchObject({
      startMs: at('2000-01-01T05:00Z'),
      startless: true,
    });
    // That of Tokyo lies before all event time.
    expect(every('1 day', { timeZone: 'Asia/Tokyo' }).startMs).toBe(at('2000-01-01T15:00Z'));
  });
});

describe('the grid', () => {
  const schedule = cron('0 */6 * * *', { start: '2024-01-01T01:00Z', end: '2024-01-03T13:00Z' });
  const first = { startMs: at('2024-01-01T06:00Z'), endMs: at('2024-01-01T12:00Z') };
  const last = { startMs: at('2024-01-03T06:00Z'), endMs: at('2024-01-03T12:00Z') };

  test('begins at the first time after the start and ends before the end', () => {
    const all = intervalsEndingIn(schedule, 0, at('2030-01-01'));
    expect(all).toHaveLength(9);
    expect(all[0]).toEqual(first);
    expect(all.at(-1)).toEqual(last);
  });

  test('gives those that end in a half-open span', () => {
    expect(intervalsEndingIn(schedule, first.endMs - 1, first.endMs)).toEqual([first]);
    expect(intervalsEndingIn(schedule, first.endMs, first.endMs + 1)).toEqual([]);
    expect(intervalsEndingIn(schedule, last.endMs, at('2030-01-01'))).toEqual([]);
  });

  test('finds the next, the one before, and the one around an instant', () => {
    expect(nextInterval(schedule, 0)).toEqual(first);
    expect(nextInterval(schedule, first.endMs - 1)).toEqual(first);
    expect(nextInterval(schedule, first.endMs)?.startMs).toBe(first.endMs);
    expect(nextInterval(schedule, last.endMs)).toBeUndefined();
    expect(previousInterval(schedule, first)).toBeUndefined();
    expect(previousInterval(schedule, { startMs: first.endMs, endMs: first.endMs + 1 })).toEqual(first);
    expect(intervalOf(schedule, first.startMs - 1)).toBeUndefined();
    expect(intervalOf(schedule, first.startMs)).toEqual(first);
    expect(intervalOf(schedule, first.endMs - 1)).toEqual(first);
    expect(intervalOf(schedule, last.endMs)).toBeUndefined();
    expect(gridOf(schedule).previous(at('2030-01-01'))).toEqual(last);
  });

  test('knows its own intervals', () => {
    expect(onGrid(schedule, first)).toBe(true);
    expect(onGrid(schedule, { ...first, endMs: first.endMs + 1 })).toBe(false);
    expect(onGrid(schedule, { startMs: first.startMs, endMs: first.endMs + 6 * 3_600_000 })).toBe(false);
    expect(onGrid(schedule, { startMs: first.startMs - 6 * 3_600_000, endMs: first.startMs })).toBe(false);
  });

  test('is quick for what comes once in four years', () => {
    const leap = cron('0 0 29 2 *');
    expect(new Date(nextInterval(leap, at('2024-03-01'))!.endMs).toISOString()).toBe('2028-02-29T00:00:00.000Z');
    expect(new Date(gridOf(leap).previous(at('2024-02-28'))!.startMs).toISOString()).toBe('2016-02-29T00:00:00.000Z');
  });
});

describe('a schedule that cannot be', () => {
  test.each([
    ['malformed', () => cron('0 25 * * *'), /"0 25 \* \* \*" cannot be used: Invalid value for hour: 25/],
    ['of too few parts', () => cron('0 7 *'), /exactly five, six, or seven/],
    ['with years', () => cron('0 0 7 * * * 2024'), /cannot be used/],
    ['that never comes', () => cron('0 0 30 2 *'), /it never comes round/],
    ['in no zone', () => cron('@daily', { timeZone: 'Europe/Bruxelles' }), /"Europe\/Bruxelles" is no time zone/],
    ['that ends first', () => cron('@daily', { start: '2024-01-02', end: '2024-01-01' }), /starts after its end/],
    ['too short', () => cron('@daily', { start: '2024-01-02', end: '2024-01-02T20:00' }), /no whole interval/],
    ['from no day', () => cron('@daily', { start: '2024-02-30' }), /start "2024-02-30" is no moment/],
    ['from no moment', () => every('1 day', { start: 'yesterday' }), /start "yesterday" is no moment/],
    ['before event time', () => every('1 day', { start: '1999-01-01' }), /between 2000 and 2100/],
    ['of no length', () => every(0), /a second or more/],
    ['of no duration', () => every('half a day'), /"half a day" is no length of time/],
    ['that misses otherwise', () => cron('@daily', { missed: 'some' as 'all' }), /missed is "some"/],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});
