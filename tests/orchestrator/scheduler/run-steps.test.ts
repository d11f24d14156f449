import { describe, expect, test } from 'vitest';
import { type VirtualTime, virtualTime } from '../../../src/core/timers.ts';
import { type RunningSteps, runSteps, type Step } from '../../../src/orchestrator/scheduler/run-steps.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';

/** Of a store, what the driver looks at. */
function changing(shared: boolean): { readonly store: Store; change(): void; listeners(): number } {
  const wakes = new Set<() => void>();
  const store = {
    capabilities: { shared },
    onChange: (wake: () => void) => {
      wakes.add(wake);
      return () => void wakes.delete(wake);
    },
  } as unknown as Store;
  return {
    store,
    change: () => {
      for (const wake of wakes) wake();
    },
    listeners: () => wakes.size,
  };
}

interface World {
  readonly time: VirtualTime;
  readonly running: RunningSteps;
  readonly notes: readonly string[];
  change(): void;
  listeners(): number;
  /** Lets time pass, and what becomes due in it be done. */
  pass(ms: number): Promise<void>;
}

function start(steps: readonly Step[], shared = false): World {
  const time = virtualTime(0);
  const { store, change, listeners } = changing(shared);
  const notes: string[] = [];
  const running = runSteps(steps, { store, timers: time, note: (detail) => notes.push(detail) });
  return {
    time,
    running,
    notes,
    change,
    listeners,
    pass: async (ms) => {
      const untilMs = time.nowMs() + ms;
      for (;;) {
        await running.idle();
        const next = time.nextMs();
        if (next === undefined || next > untilMs) return time.advance(untilMs - time.nowMs());
        time.advance(next - time.nowMs());
      }
    },
  };
}

const step = (name: string, run: () => Promise<number | undefined>, onChange = true): Step => ({ name, onChange, run });

describe('the driver of steps', () => {
  test('does each at first, then when it is due', async () => {
    const done: string[] = [];
    const world = start([
      step('a', async () => {
        done.push(`a ${world.time.nowMs()}`);
        return 100;
      }),
      step('b', async () => {
        done.push(`b ${world.time.nowMs()}`);
        return 250;
      }),
    ]);
    await world.running.idle();
    await world.pass(300);
    expect(done).toEqual(['a 0', 'b 0', 'a 100', 'a 200', 'b 250', 'a 300']);
    await world.running.stop();
    expect(world.listeners()).toBe(0);
    expect(world.time.nextMs()).toBeUndefined();
  });

  test('does what follows changes once for many of them, and leaves the others asleep', async () => {
    const done: string[] = [];
    const world = start([
      step('follows', async () => void done.push('follows')),
      step('sleeps', async () => void done.push('sleeps'), false),
    ]);
    await world.running.idle();
    done.length = 0;
    for (let n = 0; n < 10; n++) world.change();
    await world.running.idle();
    expect(done).toEqual(['follows']);
    await world.running.stop();
  });

  test('a change while a step is under way leads to one more', async () => {
    let release = (): void => {};
    let count = 0;
    const world = start([
      step('slow', async () => {
        count += 1;
        if (count === 1)
          await new Promise<void>((resolve) => {
            release = resolve;
          });
        return undefined;
      }),
    ]);
    while (count === 0) await new Promise((resolve) => setImmediate(resolve));
    for (let n = 0; n < 3; n++) world.change();
    expect(count).toBe(1);
    release();
    await world.running.idle();
    expect(count).toBe(2);
    await world.running.stop();
  });

  test('0 means at once, as often as it says so, and lets others go on meanwhile', async () => {
    const done: string[] = [];
    let left = 3;
    const world = start([
      step('much', async () => {
        done.push('much');
        left -= 1;
        return left >= 0 ? 0 : undefined;
      }),
      step('little', async () => void done.push('little')),
    ]);
    await world.running.idle();
    expect(done.filter((d) => d === 'much')).toHaveLength(4);
    expect(done.indexOf('little')).toBeLessThan(2);
    await world.running.stop();
  });

  test('one that hangs keeps no other back', async () => {
    let release = (): void => {};
    let ticks = 0;
    const world = start([
      step('hangs', async () => {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return undefined;
      }),
      step('ticks', async () => {
        ticks += 1;
        return 10;
      }),
    ]);
    for (let n = 0; n < 5; n++) {
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      world.time.advance(10);
    }
    expect(ticks).toBe(5);
    const stopped = world.running.stop();
    release();
    await stopped;
  });

  test('one that fails is reported and tried again later each time, whatever changes; the others go on', async () => {
    const tries: number[] = [];
    let broken = true;
    let others = 0;
    const world = start([
      step('fails', async () => {
        tries.push(world.time.nowMs());
        if (broken) throw new Error('no store');
        return 1_000;
      }),
      step('other', async () => {
        others += 1;
        return undefined;
      }),
    ]);
    await world.running.idle();
    for (let n = 0; n < 20; n++) {
      world.change();
      await world.pass(50);
    }
    expect(tries).toEqual([0, 100, 300, 700]);
    expect(others).toBe(21);
    expect(world.notes).toEqual(Array(4).fill('fails: no store'));
    broken = false;
    await world.pass(500);
    expect(tries.slice(4)).toEqual([1_500]);
    // All is well: a change wakes it again, and the next trouble begins with the shortest wait.
    broken = true;
    world.change();
    await world.running.idle();
    await world.pass(100);
    expect(tries.slice(5)).toEqual([1_500, 1_600]);
    await world.pass(60_000);
    const waits = tries.map((t, n) => t - (tries[n - 1] ?? 0));
    expect(Math.max(...waits)).toBe(10_000);
    await world.running.stop();
  });

  test.each([
    [true, 1_000],
    [false, 60_000],
  ])('looks around now and then, on a shared store (%s) every %d ms', async (shared, everyMs) => {
    let looks = 0;
    const far = step('far', async () => {
      looks += 1;
      return Number.MAX_SAFE_INTEGER;
    });
    const world = start([far], shared);
    await world.running.idle();
    await world.pass(3 * everyMs);
    expect(looks).toBe(4);
    await world.running.stop();
  });

  test('stops with what is under way, and begins nothing more', async () => {
    let release = (): void => {};
    let count = 0;
    const world = start([
      step('slow', async () => {
        count += 1;
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return 0;
      }),
    ]);
    while (count === 0) await new Promise((resolve) => setImmediate(resolve));
    let stopped = false;
    const stop = world.running.stop().then(() => {
      stopped = true;
    });
    world.change();
    await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).toBe(false);
    release();
    await stop;
    world.change();
    await new Promise((resolve) => setImmediate(resolve));
    expect(count).toBe(1);
    await world.running.idle();
  });
});
