import { beforeEach, describe, expect, test } from 'vitest';
import { SparkifyError } from '../../../src/core/errors.ts';
import { virtualTime } from '../../../src/core/timers.ts';
import { WarehouseAccess } from '../../../src/orchestrator/worker/warehouse-access.ts';
import type { Warehouse } from '../../../src/warehouse/warehouse.ts';

const time = virtualTime(0);
let story: string[];
let busy: number;

/** A warehouse that says when it is opened and closed. */
function access(idleMs?: number): WarehouseAccess {
  let opened = 0;
  const open = async (): Promise<Warehouse> => {
    if (busy-- > 0) throw new SparkifyError('WAREHOUSE_BUSY', { path: 'w.duckdb', holder: 'process 7' });
    const n = ++opened;
    story.push(`open ${n}`);
    return { url: `${n}`, close: async () => void story.push(`close ${n}`) } as unknown as Warehouse;
  };
  return new WarehouseAccess({ open, ...(idleMs === undefined ? {} : { idleMs }) }, time);
}

const signal = new AbortController().signal;
const waiting = { signal, onWait: (reason: string) => void story.push(reason) };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  story = [];
  busy = 0;
});

describe('the warehouse of a worker', () => {
  test('is opened once for all its users, and closed when nobody used it for a while', async () => {
    const own = access(1000);
    const [a, b] = await Promise.all([own.acquire(waiting), own.acquire(waiting)]);
    expect([a.url, b.url]).toEqual(['1', '1']);
    own.release();
    time.advance(5000);
    own.release();
    time.advance(999);
    expect((await own.acquire(waiting)).url).toBe('1');
    own.release();
    time.advance(1000);
    expect((await own.acquire(waiting)).url).toBe('2');
    expect(story).toEqual(['open 1', 'close 1', 'open 2']);
  });

  test('stays open where no idle time is given, until it is closed', async () => {
    const own = access();
    await own.acquire(waiting);
    own.release();
    time.advance(1e9);
    await own.close();
    expect(story).toEqual(['open 1', 'close 1']);
  });

  test('of another process is waited for, and that is told once', async () => {
    busy = 3;
    const own = access();
    const acquired = own.acquire(waiting);
    for (let i = 0; i < 3; i++) {
      await turn();
      time.advance(200);
    }
    expect((await acquired).url).toBe('1');
    expect(story).toEqual([expect.stringMatching(/^waiting: .*w\.duckdb is in use by process 7/), 'open 1']);
  });

  test('is waited for no longer than the signal says', async () => {
    busy = 1e9;
    const own = access();
    const controller = new AbortController();
    const acquired = own.acquire({ ...waiting, signal: controller.signal });
    await turn();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(acquired).rejects.toBe(reason);
    // It counts as no user any more: the next one that comes and goes lets it be closed.
    busy = 0;
    await own.acquire(waiting);
    own.release();
    await own.close();
    expect(story.slice(1)).toEqual(['open 1', 'close 1']);
  });

  test('is opened anew after an error that spoilt it, once everybody has let it go', async () => {
    const own = access();
    await own.acquire(waiting);
    await own.acquire(waiting);
    own.spoil();
    own.release();
    expect(story).toEqual(['open 1']);
    own.release();
    expect((await own.acquire(waiting)).url).toBe('2');
    expect(story).toEqual(['open 1', 'close 1', 'open 2']);
  });
});
