import { describe, expect, test } from 'vitest';
import { type PlanRange, planGrid } from '../../../src/orchestrator/cells/plan-grid.ts';
import type { GraphSchedule } from '../../../src/pipeline/graph.ts';
import { ALL_TIME, formatInterval } from '../../../src/pipeline/interval.ts';
import { cron, every } from '../../../src/pipeline/schedule.ts';
import { DAY_MS, dataGraph, nowMs } from './facts.ts';

const at = (text: string): number => Date.parse(text.length === 10 ? `${text}T00:00Z` : text);
const look = (schedule: GraphSchedule | undefined, range: PlanRange = {}, earliestMs?: number) => {
  const { intervals, notOver } = planGrid(dataGraph({ schedule }), range, { nowMs, earliestMs });
  return { all: intervals.map(formatInterval), notOver: notOver && formatInterval(notOver) };
};
const daily = cron('0 0 * * *', { start: '2018-11-20' });

describe('a schedule', () => {
  test('gives its intervals from its start to now', () => {
    const { all, notOver } = look(daily);
    expect(all).toHaveLength(11);
    expect([all[0], all.at(-1)]).toEqual(['2018-11-20/2018-11-21', '2018-11-30/2018-12-01']);
    expect(notOver).toBeUndefined();
  });

  test('gives those of a range, and says what of it is not over', () => {
    expect(look(daily, { fromMs: at('2018-11-29'), toMs: at('2018-12-03') })).toEqual({
      all: ['2018-11-29/2018-11-30', '2018-11-30/2018-12-01'],
      notOver: '2018-12-01/2018-12-03',
    });
    expect(look(daily, { fromMs: at('2019-01-01'), toMs: at('2019-01-02') })).toEqual({
      all: [],
      notOver: '2019-01-01/2019-01-02',
    });
  });

  test('without a start begins where something is known, else 30 intervals ago', () => {
    const startless = cron('0 0 * * *');
    expect(look(startless, {}, at('2018-11-27T05:00Z')).all[0]).toBe('2018-11-27/2018-11-28');
    expect(look(startless).all).toHaveLength(30);
    expect(look(startless).all.at(-1)).toBe('2018-11-30/2018-12-01');
  });

  test.each([
    [{ fromMs: at('2018-11-21T07:00Z'), toMs: at('2018-11-23') }, '2018-11-21/2018-11-23'],
    [{ fromMs: at('2018-11-21'), toMs: at('2018-11-23T00:01Z') }, '2018-11-21/2018-11-24'],
    [{ fromMs: at('2018-11-01'), toMs: at('2018-11-23') }, '2018-11-20/2018-11-23'],
    [{ fromMs: at('2018-11-01'), toMs: at('2018-11-02') }, '2018-11-20/2018-11-21'],
    [{ fromMs: at('2018-11-21T07:00Z') }, '2018-11-21/2018-12-01'],
    [{ toMs: at('2018-11-21T07:00Z') }, '2018-11-20/2018-11-22'],
  ])('refuses a range that cuts its intervals and names the nearest: %o', (range, near) => {
    const until = cron('0 0 * * *', { start: '2018-11-20', end: '2018-12-05' });
    expect(() => look(until, range)).toThrow(
      expect.objectContaining({ code: 'INTERVAL_OFF_GRID', params: expect.objectContaining({ near }) }),
    );
  });

  test('refuses a range after its end and names its last interval', () => {
    const until = cron('0 0 * * *', { start: '2018-11-20', end: '2018-11-25' });
    expect(() => look(until, { fromMs: at('2018-11-26'), toMs: at('2018-11-27') })).toThrow(
      expect.objectContaining({ code: 'INTERVAL_OFF_GRID', remedy: expect.stringContaining('2018-11-24/2018-11-25') }),
    );
  });

  test('follows its zone', () => {
    const local = cron('0 0 * * *', { timeZone: 'Europe/Brussels', start: '2018-10-27' });
    const range = { fromMs: at('2018-10-26T22:00Z'), toMs: at('2018-10-28T23:00Z') };
    expect(look(local, range).all).toEqual([
      '2018-10-26T22:00Z/2018-10-27T22:00Z',
      '2018-10-27T22:00Z/2018-10-28T23:00Z',
    ]);
  });

  test('refuses an empty range, lengths of its own, and more than a plan takes', () => {
    const range = { fromMs: at('2018-11-23'), toMs: at('2018-11-23') };
    expect(() => look(daily, range)).toThrow(expect.objectContaining({ code: 'INTERVAL_INVALID' }));
    expect(() => look(daily, { everyMs: DAY_MS })).toThrow(expect.objectContaining({ code: 'USAGE' }));
    const minutely = every('1 minute', { start: '2018-01-01' });
    expect(() => look(minutely)).toThrow(expect.objectContaining({ code: 'PLAN_TOO_LARGE' }));
  });
});

describe('no schedule', () => {
  test('makes one interval of all time, or of what was asked for', () => {
    expect(look(undefined).all).toEqual([formatInterval(ALL_TIME)]);
    const range = { fromMs: at('2018-11-01'), toMs: at('2018-11-03T12:00Z') };
    expect(look(undefined, range).all).toEqual(['2018-11-01/2018-11-03T12:00Z']);
    expect(look(undefined, { ...range, everyMs: DAY_MS }).all).toEqual([
      '2018-11-01/2018-11-02',
      '2018-11-02/2018-11-03',
      '2018-11-03/2018-11-03T12:00Z',
    ]);
  });

  test('wants both ends', () => {
    for (const range of [{ fromMs: at('2018-11-01') }, { toMs: at('2018-11-01') }, { everyMs: DAY_MS }])
      expect(() => look(undefined, range)).toThrow(expect.objectContaining({ code: 'PLAN_INTERVAL_NEEDED' }));
    const range = { fromMs: at('2018-11-01'), toMs: at('2018-12-01'), everyMs: 1 };
    expect(() => look(undefined, range)).toThrow(expect.objectContaining({ code: 'PLAN_TOO_LARGE' }));
  });
});
