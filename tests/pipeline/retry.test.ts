import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { durationMs, durationWords } from '../../src/pipeline/duration.ts';
import { retryDelayMs, retryPolicy } from '../../src/pipeline/retry.ts';
import { afterLook } from '../../src/pipeline/sensor.ts';
import { judgeTrigger } from '../../src/pipeline/trigger.ts';

const MINUTE = 60_000;

describe('the delay before another try', () => {
  test('grows by the factor up to the cap', () => {
    const policy = retryPolicy({ max: 9, delay: '10 seconds', factor: 3, maxDelay: '2 minutes', jitter: 0 }, 'task a');
    expect([1, 2, 3, 4, 5, 5000].map((failures) => retryDelayMs(policy, failures, 0.5))).toEqual([
      10_000, 30_000, 90_000, 120_000, 120_000, 120_000,
    ]);
  });

  test('three retries, five minutes apart', () => {
    const policy = retryPolicy({ max: 3, delay: '5 minutes', factor: 1, jitter: 0 }, 'task a');
    expect([1, 2, 3].map((failures) => retryDelayMs(policy, failures, 0.9))).toEqual([5, 5, 5].map((n) => n * MINUTE));
  });

  test('a cap that nobody named does not cut the first delay', () => {
    expect(retryDelayMs(retryPolicy({ max: 1, delay: '3 hours', jitter: 0 }, 'task a'), 1, 0)).toBe(180 * MINUTE);
  });

  test('is shortened by the jitter, never lengthened', () => {
    fc.assert(
      fc.property(
        fc.nat(100_000),
        fc.double({ min: 1, max: 10, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (delayMs, factor, jitter, failures, random) => {
          const policy = { max: 5, delayMs, factor, maxDelayMs: 200_000, jitter };
          const full = retryDelayMs(policy, failures, 0);
          const found = retryDelayMs(policy, failures, random);
          return (
            full >= delayMs && full <= 200_000 && found <= full && found >= Math.floor(full * (1 - jitter * random))
          );
        },
      ),
    );
  });

  test('a number alone says how often', () => {
    expect(retryPolicy(3, 'task a')).toEqual({
      max: 3,
      delayMs: 30_000,
      factor: 2,
      maxDelayMs: 3_600_000,
      jitter: 0.1,
    });
    expect(retryPolicy(undefined, 'task a').max).toBe(0);
  });
});

describe('a length of time', () => {
  test.each([
    ['5 minutes', 300_000],
    ['1 hour 30 minutes', 5_400_000],
    ['1h, 30m', 5_400_000],
    ['1.5 h', 5_400_000],
    ['90s', 90_000],
    ['250 ms', 250],
    ['2 Days', 172_800_000],
    ['1 week', 604_800_000],
    [0, 0],
    [1234, 1234],
  ])('%s', (text, ms) => {
    expect(durationMs(text, 'it')).toBe(ms);
  });

  test.each(['', 'soon', '5', '5 minuts', '-1 hour', '5 minutes ago', 1.5, -1, Number.NaN, '1e9 weeks'])(
    '%s is none',
    (text) => {
      expect(() => durationMs(text, 'task a: timeout')).toThrow(/^task a: timeout: ".*" is no length of time/);
    },
  );

  test('in words and back', () => {
    expect(durationWords(5_400_000)).toBe('1 hour 30 minutes');
    expect(durationWords(604_800_000 * 2)).toBe('2 weeks');
    expect(durationWords(86_400_000 * 8)).toBe('8 days');
    fc.assert(fc.property(fc.nat(), (ms) => durationMs(durationWords(ms), 'it') === ms));
  });
});

describe('a look that saw nothing', () => {
  const sensor = { everyMs: 10 * MINUTE, timeoutMs: 60 * MINUTE, onTimeout: 'skip' as const };

  test('is followed by another until the time is up, with one at the very end', () => {
    const looks: number[] = [];
    let nowMs = 0;
    for (;;) {
      looks.push(nowMs / MINUTE);
      const next = afterLook({ ...sensor, everyMs: 25 * MINUTE }, { nowMs, firstLookMs: 0, intervalEndMs: -1 });
      if (next.kind === 'over') {
        expect(next.outcome).toBe('skip');
        break;
      }
      nowMs = next.atMs;
    }
    expect(looks).toEqual([0, 25, 50, 60]);
  });

  test('with a grace counts from the interval’s end, so an old interval has one look', () => {
    const graced = { ...sensor, graceMs: 30 * MINUTE };
    const at = (nowMs: number) => afterLook(graced, { nowMs, firstLookMs: 0, intervalEndMs: -10 * MINUTE });
    expect(at(0)).toEqual({ kind: 'again', atMs: 10 * MINUTE });
    expect(at(15 * MINUTE)).toEqual({ kind: 'again', atMs: 20 * MINUTE });
    expect(at(20 * MINUTE)).toEqual({ kind: 'over', outcome: 'skip' });
    expect(afterLook(graced, { nowMs: 0, firstLookMs: 0, intervalEndMs: -1e9 })).toMatchObject({ kind: 'over' });
  });
});

test('triggers', () => {
  const ends = [
    { failed: 0, skipped: 0 },
    { failed: 0, skipped: 1 },
    { failed: 1, skipped: 0 },
    { failed: 1, skipped: 1 },
  ];
  const judged = (rule: Parameters<typeof judgeTrigger>[0]) => ends.map((e) => judgeTrigger(rule, e));
  expect(judged('all_succeeded')).toEqual(['run', 'skipped', 'upstream_failed', 'upstream_failed']);
  expect(judged('none_failed')).toEqual(['run', 'run', 'upstream_failed', 'upstream_failed']);
  expect(judged('any_failed')).toEqual(['skipped', 'skipped', 'run', 'run']);
  expect(judged('all_done')).toEqual(['run', 'run', 'run', 'run']);
});
