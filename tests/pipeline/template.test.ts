import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ALL_TIME, overlaps } from '../../src/pipeline/interval.ts';
import { compileTemplate, keyInInterval } from '../../src/pipeline/template.ts';

const LOGS = 'log_data/{yyyy}/{MM}/{yyyy-MM-dd}-events.json';
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const utc = (text: string): number => Date.parse(`${text}Z`);
const day = (text: string) => ({ startMs: utc(`${text}T00:00`), endMs: utc(`${text}T00:00`) + DAY });

describe('a key template', () => {
  test('reads the day of a key as a half-open UTC interval', () => {
    const t = compileTemplate(LOGS);
    expect(t.period).toBe('day');
    expect(t.match('log_data/2018/11/2018-11-04-events.json')).toEqual(day('2018-11-04'));
  });

  test.each([
    ['{yyyy}.json', 'year', '2019.json', '2019-01-01T00:00', '2020-01-01T00:00'],
    ['{yyyyMM}', 'month', '201912', '2019-12-01T00:00', '2020-01-01T00:00'],
    ['{yyyy-MM-dd}T{HH}', 'hour', '2019-12-31T23', '2019-12-31T23:00', '2020-01-01T00:00'],
    ['dt={yyyy-MM-dd}/*.json', 'day', 'dt=2020-02-29/part (1).json', '2020-02-29T00:00', '2020-03-01T00:00'],
    ['{yyyyMMddHH}', 'hour', '2020010203', '2020-01-02T03:00', '2020-01-02T04:00'],
  ])('%s has the period %s', (text, period, key, start, end) => {
    const t = compileTemplate(text);
    expect(t.period).toBe(period);
    expect(t.match(key)).toEqual({ startMs: utc(start), endMs: utc(end) });
  });

  test.each([
    'log_data/2018/12/2018-11-04-events.json', // the months disagree
    'log_data/2019/11/2018-11-04-events.json', // the years disagree
    'log_data/2018/02/2018-02-30-events.json', // no such day
    'log_data/2018/13/2018-13-01-events.json',
    'log_data/0018/11/0018-11-04-events.json',
    'log_data/2018/11/2018-11-4-events.json',
    'log_data/2018/11/2018-11-04-events.json ',
    'log_data/2018/11/2018-11-04-events.json\n',
    'x/log_data/2018/11/2018-11-04-events.json',
    'log_data/2018/11/2018-11-04-eventsXjson',
    'log_data/٢٠١٨/11/٢٠١٨-11-04-events.json',
  ])('does not match %j', (key) => {
    expect(compileTemplate(LOGS).match(key)).toBeUndefined();
  });

  test('takes a compressed object for the same period', () => {
    const template = compileTemplate('{yyyy-MM-dd}-events.json');
    expect(template.match('2018-11-02-events.json.gz')).toEqual(template.match('2018-11-02-events.json'));
    expect(template.match('2018-11-02-events.json.gzip')).toBeUndefined();
  });

  test('takes characters of regular expressions as themselves, and "*" within one part only', () => {
    const t = compileTemplate('a.b(c)[d]|$^\\/{yyyy}-*');
    expect(t.match('a.b(c)[d]|$^\\/2018-x')).toBeDefined();
    expect(t.match('aXb(c)[d]|$^\\/2018-x')).toBeUndefined();
    expect(t.match('a.b(c)[d]|$^\\/2018-x/y')).toBeUndefined();
  });

  test.each([
    ['', 'empty'],
    ['logs.json', 'no token'],
    ['/{yyyy}.json', 'begins with "/"'],
    ['../{yyyy}.json', '".."'],
    ['{MM}/{dd}.json', 'none for the year'],
    ['{yyyy}/{HH}.json', 'none for the month'],
    ['{yyyy', 'not closed'],
    ['yyyy}', 'no "{" before'],
    ['{yyyy{MM}}', 'not closed'],
    ['{}', 'empty'],
    ['{yyyy-mm-dd}', 'did you mean {MM}'],
    ['{yyyy}-{ss}', '"ss"'],
    ['{YYYY}', 'did you mean {yyyy}'],
  ])('%j is refused and says why', (text, why) => {
    expect(() => compileTemplate(text)).toThrow(expect.objectContaining({ code: 'TEMPLATE_INVALID' }));
    expect(() => compileTemplate(text)).toThrow(why);
  });

  test('lists a day by its key, a month by its folder, decades by what never changes', () => {
    const t = compileTemplate(LOGS);
    expect(t.prefixesFor(day('2018-11-04'))).toEqual(['log_data/2018/11/2018-11-04-events.json']);
    expect(t.prefixesFor({ startMs: utc('2018-10-31T23:59'), endMs: utc('2018-12-01T00:00') })).toEqual([
      'log_data/2018/10/2018-10-',
      'log_data/2018/11/2018-11-',
    ]);
    expect(t.prefixesFor({ startMs: utc('2000-01-01T00:00'), endMs: utc('2030-01-01T00:00') })).toHaveLength(30);
    expect(t.prefixesFor(ALL_TIME)).toEqual(['log_data/']);
    expect(t.prefixesFor({ startMs: 5, endMs: 5 })).toEqual([]);
  });

  test('widens to whole periods, by periods of the calendar, within event time', () => {
    const days = compileTemplate(LOGS);
    const hour = { startMs: utc('2018-11-04T10:00'), endMs: utc('2018-11-04T11:00') };
    expect(days.widen(hour, 0, 0)).toEqual(day('2018-11-04'));
    expect(days.widen(hour, 1, 2)).toEqual({ startMs: utc('2018-11-03T00:00'), endMs: utc('2018-11-07T00:00') });
    expect(days.widen(day('2018-11-04'), 0, 0)).toEqual(day('2018-11-04'));
    expect(compileTemplate('{yyyy-MM}').widen(hour, 1, 1)).toEqual({
      startMs: utc('2018-10-01T00:00'),
      endMs: utc('2019-01-01T00:00'),
    });
    expect(days.widen(ALL_TIME, 1, 1)).toEqual(ALL_TIME);
  });
});

const instant = fc.integer({ min: utc('2000-01-01T00:00'), max: utc('2099-12-31T00:00') });
const interval = fc
  .tuple(instant, fc.integer({ min: 1, max: 900 * DAY }))
  .map(([startMs, length]) => ({ startMs, endMs: Math.min(startMs + length, ALL_TIME.endMs) }));
const template = fc.constantFrom(
  LOGS,
  '{yyyy}/{MM}/{dd}/{HH}.json',
  '{yyyy-MM-dd}T{HH}',
  'x{yyyyMM}-*',
  'y={yyyy}/a*b/{MM}',
  '{MM}/{yyyy}.json',
  '{dd}.{MM}.{yyyy}',
);

function keyOf(text: string, startMs: number): string {
  const iso = new Date(startMs).toISOString();
  const values = { yyyy: iso.slice(0, 4), MM: iso.slice(5, 7), dd: iso.slice(8, 10), HH: iso.slice(11, 13) };
  return text
    .replace(/\{[^}]*\}/g, (brace) =>
      brace.slice(1, -1).replace(/yyyy|MM|dd|HH/g, (token) => values[token as keyof typeof values]),
    )
    .replaceAll('*', 'any');
}

describe('for any template and interval', () => {
  test('the periods are disjoint, adjoin each other, overlap the interval and cover it', () => {
    fc.assert(
      fc.property(template, interval, (text, i) => {
        const bounded = text.includes('HH')
          ? { startMs: i.startMs, endMs: Math.min(i.endMs, i.startMs + 40 * DAY) }
          : i;
        const periods = compileTemplate(text).periods(bounded);
        expect(periods[0]!.startMs).toBeLessThanOrEqual(bounded.startMs);
        expect(periods.at(-1)!.endMs).toBeGreaterThanOrEqual(bounded.endMs);
        for (const [n, p] of periods.entries()) {
          expect(overlaps(p, bounded)).toBe(true);
          if (n > 0) expect(p.startMs).toBe(periods[n - 1]!.endMs);
        }
      }),
    );
  });

  test('each period is what its key matches, and a listing by prefixes finds that key exactly once', () => {
    fc.assert(
      fc.property(template, interval, (text, i) => {
        const t = compileTemplate(text);
        const bounded = { startMs: i.startMs, endMs: Math.min(i.endMs, i.startMs + 40 * DAY) };
        const prefixes = t.prefixesFor(bounded);
        for (const p of t.periods(bounded)) {
          const key = keyOf(text, p.startMs);
          expect(t.match(key)).toEqual(p);
          expect(keyInInterval(t, key, bounded)).toBe(true);
          expect(prefixes.filter((prefix) => key.startsWith(prefix))).toHaveLength(1);
        }
      }),
    );
  });

  test('widening by n periods adds exactly n on each side', () => {
    fc.assert(
      fc.property(template, instant, fc.nat({ max: 5 }), fc.nat({ max: 5 }), (text, startMs, back, ahead) => {
        fc.pre(startMs > utc('2006-01-01T00:00') && startMs < utc('2090-01-01T00:00'));
        const t = compileTemplate(text);
        const one = { startMs, endMs: startMs + 1 };
        expect(t.periods(t.widen(one, back, ahead))).toHaveLength(1 + back + ahead);
      }),
    );
  });
});
