import { describe, expect, test, vi } from 'vitest';
import { systemTimers, virtualTime } from '../../src/core/timers.ts';

describe('virtual time', () => {
  test('calls what is due in the order of time, each at its time, once', () => {
    const time = virtualTime(1000);
    const seen: string[] = [];
    const note = (name: string) => (): void => void seen.push(`${name} at ${time.nowMs()}`);
    time.later(30, note('c'));
    time.later(10, note('a'));
    time.later(20, () => {
      note('b')();
      time.later(5, note('b+5'));
      time.later(500, note('far'));
    });
    expect(time.nextMs()).toBe(1010);
    time.advance(29);
    expect(seen).toEqual(['a at 1010', 'b at 1020', 'b+5 at 1025']);
    time.advance(1);
    expect(seen.at(-1)).toBe('c at 1030');
    expect([time.nowMs(), time.nextMs()]).toEqual([1030, 1520]);
  });

  test('forgets what was taken back', () => {
    const time = virtualTime(0);
    const seen: number[] = [];
    time.later(5, () => seen.push(1))();
    time.advance(10);
    expect([seen, time.nextMs()]).toEqual([[], undefined]);
  });
});

test("delays that Node's timers cannot count are cut, not fired at once", () => {
  const set = vi.spyOn(globalThis, 'setTimeout');
  try {
    systemTimers.later(2 ** 40, () => {})();
    systemTimers.later(-5, () => {})();
    expect(set.mock.calls.map(([, delay]) => delay)).toEqual([2 ** 31 - 1, 0]);
  } finally {
    set.mockRestore();
  }
});
