import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { afterEach, describe, expect, test } from 'vitest';
import { migrations } from '../../../src/orchestrator/store/migrations/all.ts';
import { openStore } from '../../../src/orchestrator/store/open-store.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import { eachStore, newStoreUrls } from '../stores.ts';

const program = fileURLToPath(new URL('store-process.ts', import.meta.url));
const register = import.meta.resolve('jiti/register');
/** With SPARKIFY_FAULTS=all as many as the long tests want. */
const KILLS = process.env.SPARKIFY_FAULTS === 'all' ? 20 : 1;
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface StoreProcess {
  readonly lines: string[];
  /** Until it has said so many lines, or ended. */
  said(lines: number): Promise<void>;
  go(): void;
  kill(): Promise<void>;
  ended: Promise<unknown>;
}

async function start(url: string, name: string, count: number): Promise<StoreProcess> {
  const child = spawn(process.execPath, ['--import', register, program, url, name, String(count)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines: string[] = [];
  const ended = once(child, 'close');
  let heard = (): void => {};
  createInterface({ input: child.stdout! }).on('line', (line) => {
    lines.push(line);
    heard();
  });
  const said = (count: number): Promise<void> =>
    new Promise((resolve) => {
      heard = () => lines.length >= count && resolve();
      heard();
      void ended.then(() => resolve());
    });
  await said(1);
  return {
    lines,
    said,
    ended,
    go: () => child.stdin!.write('go\n'),
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function poolsOf(store: Store, name: string): Promise<number[]> {
  const rows = await store.db.selectFrom('pools').select('slots').where('name', 'like', `${name}-%`).execute();
  return rows.map((row) => row.slots).sort((a, b) => a - b);
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

eachStore((engine, open) => {
  const newUrl = newStoreUrls(engine);

  describe('several at once', () => {
    test('open a store that is not there: one makes it, all have it', async () => {
      const url = newUrl();
      const stores = await Promise.all(upTo(8).map(() => openStore(url)));
      for (const store of stores)
        expect(await store.db.selectFrom('migrations').select('version').execute()).toHaveLength(migrations.length);
      await Promise.all(stores.map((store) => store.close()));
    });

    test('do so from processes of their own', async () => {
      const url = newUrl();
      const processes = await Promise.all(upTo(2).map((i) => start(url, `p${i}`, 5)));
      for (const each of processes) each.go();
      await Promise.all(processes.map((each) => each.ended));
      for (const { lines } of processes) expect(lines).toEqual(['started', 'open', ...upTo(5).map(String)]);
      const store = await openStore(url);
      for (const i of upTo(2)) expect(await poolsOf(store, `p${i}`)).toEqual(upTo(5));
      await store.close();
    });
  });

  describe('a process that is killed while it writes', () => {
    test('leaves a whole store with everything that was told, while another goes on writing', {
      timeout: 300_000,
    }, async () => {
      const { store, url } = await open();
      let own = 0;
      for (let round = 1; round <= KILLS; round++) {
        const killed = await start(url, `r${round}`, 100_000);
        killed.go();
        const enough = killed.said(30 + 7 * round);
        let reached = false;
        void enough.then(() => {
          reached = true;
        });
        while (!reached) {
          const next = ++own;
          await store.write(async (tx) => {
            await tx.run('insert into pools (name, slots, from_config) values ($1, $2, 0)', [`own-${next}`, next]);
            tx.emit({ type: 'clock.jumped', byMs: next });
          });
        }
        await killed.kill();
        const told = killed.lines.length - 2;
        const there = await poolsOf(store, `r${round}`);
        // One more may have been committed and not told.
        expect(there).toEqual(upTo(there.length));
        expect(there.length - told).toBeGreaterThanOrEqual(0);
        expect(there.length - told).toBeLessThanOrEqual(1);
      }
      expect(await poolsOf(store, 'own')).toEqual(upTo(own));
      const { events, pools } = (
        await sql<{ events: number; pools: number }>`
          select (select count(*) from events) as events, (select count(*) from pools) as pools`.execute(store.db)
      ).rows[0]!;
      expect(events).toBe(pools);
      if (engine === 'sqlite') {
        const check = await sql`pragma integrity_check`.execute(store.db);
        expect(check.rows).toEqual([{ integrity_check: 'ok' }]);
      }
    });
  });
});
