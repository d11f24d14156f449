import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { type OpenStoreOptions, openStore } from '../../../src/orchestrator/store/open-store.ts';
import type { Store, StoreTransaction } from '../../../src/orchestrator/store/store.ts';
import { type FaultKind, type FaultProxy, startFaultProxy } from '../../fault-proxy/fault-proxy.ts';
import { administer } from '../../postgres-server/database.ts';
import { type PostgresServer, startPostgresServer } from '../../postgres-server/server.ts';
import { storeOpener } from '../stores.ts';

/** Of a busy machine. */
const WAIT = { timeout: 20_000 };

const stores: Store[] = [];
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
});

async function opened(url: string, options?: OpenStoreOptions): Promise<Store> {
  const store = await openStore(url, options);
  stores.push(store);
  return store;
}

const ROW = 'the-counter';

/** Adds one to a row, so that a transaction that was carried out twice is seen; with an event or without. */
function count(store: Store, emits: boolean): Promise<void> {
  return store.write(async (tx: StoreTransaction) => {
    await tx.run('insert into cursors as c values ($1, 1) on conflict (name) do update set seq = c.seq + 1', [ROW]);
    if (emits) tx.emit({ type: 'clock.jumped', byMs: 1 });
  });
}

async function counted(store: Store): Promise<readonly [counter: number, events: number]> {
  const row = await store.db.selectFrom('cursors').select('seq').where('name', '=', ROW).executeTakeFirst();
  const events = await store.db.selectFrom('events').select('seq').execute();
  return [row?.seq ?? 0, events.length];
}

describe('a connection to the store that is cut', () => {
  const open = storeOpener('postgres');
  let proxy: FaultProxy;

  beforeAll(async () => {
    const { hostname, port } = new URL(inject('postgresUrl'));
    proxy = await startFaultProxy({ host: hostname, port: Number(port) });
  });
  afterAll(() => proxy.close());
  afterEach(() => proxy.arm(undefined));

  const faults: readonly (readonly [FaultKind, string])[] = [
    ['cut-before', ROW],
    ['cut-after', ROW],
    ['cut-before', 'clock.jumped'],
    ['cut-after', 'clock.jumped'],
    ['cut-before', 'commit\0'],
    ['cut-after', 'commit\0'],
    ['cut-before', 'begin'],
    ['cut-after', 'begin'],
  ];
  test.each(faults)('%s "%s": the transaction is carried out once, and told', async (kind, word) => {
    const { store: direct, url } = await open();
    const store = await opened(proxy.through(url));
    await count(store, true);
    for (const emits of word === 'clock.jumped' ? [true] : [true, false]) {
      const [counter, events] = await counted(direct);
      proxy.arm({ kind, word });
      await count(store, emits);
      expect(proxy.fired).toBeGreaterThan(0);
      expect(await counted(direct)).toEqual([counter + 1, events + (emits ? 1 : 0)]);
    }
  });

  test('a commit that arrives after its client has given up counts once', async () => {
    const { store: direct, url } = await open();
    const store = await opened(proxy.through(url), { lostMs: 5000 });
    proxy.arm({ kind: 'cut-late', word: 'commit\0', until: 'pg_terminate_backend' });
    await count(store, true);
    expect(await counted(direct)).toEqual([1, 1]);
  });

  test('a server that never answers is given up', async () => {
    const { store: direct, url } = await open();
    const store = await opened(proxy.through(url), { statementMs: 100, lostMs: 3000 });
    proxy.arm({ kind: 'stall', word: ROW });
    await count(store, true);
    expect(await counted(direct)).toEqual([1, 1]);
  });

  test('a commit that cannot be asked for is unknown, and says so', async () => {
    const { store: direct, url } = await open();
    const store = await opened(proxy.through(url), { lostMs: 50, askCommitMs: 50 });
    proxy.arm({ kind: 'cut-after', word: 'commit\0', thenRefuse: true });
    await expect(count(store, true)).rejects.toMatchObject({ code: 'STORE_COMMIT_UNKNOWN', retryable: false });
    const [counter, events] = await counted(direct);
    expect(events).toBe(counter);
  });

  test('a commit whose answer never comes is not made twice', async () => {
    const { store: direct, url } = await open();
    const store = await opened(proxy.through(url), { statementMs: 100 });
    let attempts = 0;
    proxy.arm({ kind: 'stall', word: 'commit\0' });
    await store.write(async (tx) => {
      attempts++;
      await tx.run('insert into cursors values ($1, 1)', [ROW]);
    });
    expect([attempts, ...(await counted(direct))]).toEqual([1, 1, 0]);
  });

  test('what only read needs no outcome', async () => {
    const { store: direct, url } = await open();
    const store = await opened(proxy.through(url));
    const marks = await direct.db.selectFrom('commits').selectAll().execute();
    proxy.arm({ kind: 'cut-after', word: 'commit\0' });
    expect(await store.write((tx) => tx.all('select 1 as one'))).toEqual([{ one: 1 }]);
    expect(await direct.db.selectFrom('commits').selectAll().execute()).toEqual(marks);
  });

  test('reading carries on elsewhere', async () => {
    const { url } = await open();
    const store = await opened(proxy.through(url));
    await count(store, true);
    proxy.arm({ kind: 'cut-before', word: 'select "seq" from "cursors"' });
    expect(await counted(store)).toEqual([1, 1]);
    proxy.cutAll();
    expect(await counted(store)).toEqual([1, 1]);
  });

  test('without a server, reading and writing say that it is unreachable', async () => {
    const { url } = await open();
    const store = await opened(proxy.through(url), { lostMs: 50 });
    proxy.arm({ kind: 'cut-before', word: ROW, thenRefuse: true });
    await expect(count(store, true)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true });
    proxy.cutAll();
    await expect(counted(store)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true });
    proxy.arm(undefined);
    await count(store, true);
    expect(await counted(store)).toEqual([1, 1]);
  });

  test('a transaction that stands still is ended by the server, and begins anew', async () => {
    const { store } = await open();
    let attempts = 0;
    await store.write(async (tx) => {
      attempts++;
      await tx.run('insert into cursors values ($1, 1)', [ROW]);
      if (attempts > 1) return;
      // As the server does it to a process that was stopped in the middle.
      const [{ pid }] = (await tx.all<{ pid: number }>('select pg_backend_pid() as pid')) as [{ pid: number }];
      await administer(inject('postgresUrl'), `select pg_terminate_backend(${pid}, 5000)`);
    });
    expect(attempts).toBe(2);
    expect(await counted(store)).toEqual([1, 0]);
  });
});

describe('a server that is stopped', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgresServer();
  });
  afterAll(() => server.dispose());

  test.each(['fast', 'immediate'] as const)(
    '%s and comes back is waited for: every transaction counts once',
    async (mode) => {
      const url = `${server.url('postgres')}?schema=store_${mode}`;
      const store = await opened(url);
      const wake = vi.fn();
      store.onChange(wake);
      await count(store, true);
      let [told, unknown, stopped] = [1, 0, false];
      const writers = Array.from({ length: 4 }, async () => {
        while (!stopped) {
          await count(store, true).then(
            () => told++,
            (error: { code: string }) => {
              expect(error.code).toBe('STORE_COMMIT_UNKNOWN');
              unknown++;
            },
          );
        }
      });
      await vi.waitFor(() => expect(told).toBeGreaterThan(20), WAIT);
      await server.restart(mode);
      const before = told;
      await vi.waitFor(() => expect(told).toBeGreaterThan(before + 20), WAIT);
      stopped = true;
      await Promise.all(writers);
      const [counter, events] = await counted(store);
      expect(events).toBe(counter);
      expect(unknown).toBe(0);
      expect(counter).toBe(told);
      wake.mockClear();
      await count(await opened(url), true);
      await vi.waitFor(() => expect(wake).toHaveBeenCalled(), WAIT);
    },
  );
});
