import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PreparedNames } from '../../../src/orchestrator/store/postgres/prepared-names.ts';
import { Turns } from '../../../src/orchestrator/store/turns.ts';

describe('turns', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('go to whoever has waited longest, at most so many at once', async () => {
    const turns = new Turns('store.db', 2);
    const order: number[] = [];
    const users = [1, 2, 3, 4].map((n) => turns.take().then(() => order.push(n)));
    await Promise.all(users.slice(0, 2));
    await vi.advanceTimersByTimeAsync(0);
    expect(order).toEqual([1, 2]);
    turns.give();
    turns.give();
    await Promise.all(users);
    expect(order).toEqual([1, 2, 3, 4]);
  });

  test('a user who waits for itself is told after a minute, and the others go on', async () => {
    const turns = new Turns('store.db', 1);
    await turns.take();
    const inner = expect(turns.take()).rejects.toMatchObject({
      code: 'STORE_BUSY',
      message: expect.stringContaining('is this one inside of it?'),
    });
    await vi.advanceTimersByTimeAsync(60_000);
    await inner;
    turns.give();
    await turns.take();
  });

  test('ended, they let out who is in and let in nobody', async () => {
    const turns = new Turns('store.db', 1);
    await turns.take();
    let ended = false;
    const end = turns.end().then(() => {
      ended = true;
    });
    await expect(turns.take()).rejects.toThrow('was closed');
    await vi.advanceTimersByTimeAsync(0);
    expect(ended).toBe(false);
    turns.give();
    await end;
  });
});

describe('names of prepared statements', () => {
  test('are given at once or at the second use, never twice, and not without end', () => {
    const names = new PreparedNames();
    expect(names.of('a')).toBe('sparkify_1');
    expect(names.of('a')).toBe('sparkify_1');
    expect(names.ofRepeated('a')).toBe('sparkify_1');
    expect(names.ofRepeated('b')).toBeUndefined();
    expect(names.ofRepeated('b')).toBe('sparkify_2');
    for (let i = 0; i < 5000; i++) names.ofRepeated(`once ${i}`);
    for (let i = 0; i < 300; i++) names.of(`often ${i}`);
    const given = Array.from({ length: 300 }, (_, i) => names.of(`often ${i}`)).filter((name) => name !== undefined);
    expect(new Set(given).size).toBe(given.length);
    expect(given.length).toBe(148);
  });
});
