import { setImmediate as tick } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { openStore } from '../../../src/orchestrator/store/open-store.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import { startFaultProxy } from '../../fault-proxy/fault-proxy.ts';
import { eachStore, storeOpener } from '../stores.ts';

/** Of a busy machine. */
const WAIT = { timeout: 20_000 };

const jump = (store: Store, byMs: number): Promise<void> =>
  store.write(async (tx) => tx.emit({ type: 'clock.jumped', byMs }));

async function readFrom(store: Store, seq: number): Promise<readonly { seq: number; body_json: string }[]> {
  return store.db.selectFrom('events').select(['seq', 'body_json']).where('seq', '>', seq).orderBy('seq').execute();
}

eachStore((engine, open) => {
  describe('events', () => {
    test('of one transaction stand in the order they were emitted, with what they are about', async () => {
      const { store } = await open();
      await store.write(async (tx) => {
        tx.emit({ type: 'run.started', pipeline: "p'1", runId: 7 });
        for (let i = 0; i < 300; i++)
          tx.emit({
            type: 'task.skipped',
            pipeline: 'p',
            runId: 7,
            taskId: i,
            task: 't',
            mapIndex: -1,
            reason: `"${i}"`,
          });
        tx.emit({ type: 'clock.jumped', byMs: 1 });
      });
      const rows = await store.db.selectFrom('events').selectAll().orderBy('seq').execute();
      expect(rows.map((r) => r.seq)).toEqual(Array.from({ length: 302 }, (_, i) => i + 1));
      expect(rows[0]).toMatchObject({ type: 'run.started', pipeline: "p'1", run_id: 7, task_id: null });
      expect(rows.slice(1, -1).map((r) => r.task_id)).toEqual(Array.from({ length: 300 }, (_, i) => i));
      expect(JSON.parse(rows[300]!.body_json)).toMatchObject({ type: 'task.skipped', reason: '"299"' });
      expect(rows[301]).toMatchObject({ type: 'clock.jumped', pipeline: null, run_id: null });
    });

    test('never appear behind one that was read: who remembers one number misses nothing', async () => {
      const { store, another } = await open();
      const stores = [store, await another(), await another()];
      const seen: string[] = [];
      let [last, writing] = [0, true];
      const read = async (): Promise<void> => {
        for (const row of await readFrom(store, last)) {
          last = row.seq;
          seen.push(row.body_json);
        }
      };
      const reading = (async () => {
        while (writing) {
          await read();
          await tick();
        }
        await read();
      })();
      const written = 12 * 25;
      await Promise.all(
        Array.from({ length: 12 }, async (_, writer) => {
          for (let i = 0; i < 25; i++)
            await stores[writer % 3]!.write(async (tx) => {
              tx.emit({ type: 'clock.jumped', byMs: writer * 1000 + i });
              // Transactions differ in length, so that one that began early ends late.
              for (let n = 0; n < (writer * 7 + i) % 5; n++) await tx.all('select count(*) as n from events');
            });
        }),
      );
      writing = false;
      await reading;
      expect(seen).toHaveLength(written);
      expect(new Set(seen).size).toBe(written);
    });
  });

  describe('onChange', () => {
    test('wakes after commits with events and no others, until it is ended', async () => {
      const { store } = await open();
      const wake = vi.fn();
      const end = store.onChange(wake);
      // A connection that begins to listen may have missed something.
      if (engine === 'postgres') await vi.waitFor(() => expect(wake).toHaveBeenCalledOnce(), WAIT);
      wake.mockClear();
      await store.write(async (tx) => void (await tx.run('insert into cursors values ($1, $2)', ['a', 1])));
      await tick();
      expect(wake).not.toHaveBeenCalled();
      await jump(store, 1);
      await vi.waitFor(() => expect(wake).toHaveBeenCalledOnce(), WAIT);
      end();
      await jump(store, 2);
      await tick();
      expect(wake).toHaveBeenCalledOnce();
    });

    test('wakes another process', async () => {
      const { store, another } = await open();
      const other = await another();
      const wake = vi.fn();
      other.onChange(wake);
      for (let i = 1; i <= 3; i++) {
        await jump(store, i);
        await vi.waitFor(async () => {
          expect(wake).toHaveBeenCalled();
          expect(await readFrom(other, 0)).toHaveLength(i);
        }, WAIT);
        wake.mockClear();
      }
    });
  });
});

describe('a listener of postgres', () => {
  const open = storeOpener('postgres');

  test('comes back when its connection is cut, and wakes for what it missed', async () => {
    const { store, url } = await open();
    const proxy = await startFaultProxy({ host: new URL(url).hostname, port: Number(new URL(url).port) });
    const through = await openStore(proxy.through(url));
    try {
      const wake = vi.fn();
      through.onChange(wake);
      await vi.waitFor(() => expect(wake).toHaveBeenCalled(), WAIT);
      wake.mockClear();
      proxy.cutAll();
      await jump(store, 1);
      await vi.waitFor(() => expect(wake).toHaveBeenCalled(), WAIT);
      expect(await readFrom(through, 0)).toHaveLength(1);
      wake.mockClear();
      await jump(store, 2);
      await vi.waitFor(() => expect(wake).toHaveBeenCalled(), WAIT);
    } finally {
      await through.close();
      await proxy.close();
    }
  });
});
