import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import { openWarehouse } from '../../src/warehouse/open.ts';
import type { SqlSession } from '../../src/warehouse/session.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import { type FaultProxy, startFaultProxy } from '../fault-proxy/fault-proxy.ts';
import { createTestDatabase, type TestDatabase } from '../postgres-server/database.ts';
import { type PostgresServer, startPostgresServer } from '../postgres-server/server.ts';

let directory: string;
let database: TestDatabase;
let proxy: FaultProxy;
let warehouse: Warehouse;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sparkify-faults-'));
  database = await createTestDatabase();
  const { hostname, port } = new URL(inject('postgresUrl'));
  proxy = await startFaultProxy({ host: hostname, port: Number(port) });
  warehouse = await open(proxy.through(database.url));
  await warehouse.transaction((s) => s.exec('create table t (a bigint)'));
});
afterEach(() => proxy.arm(undefined));
afterAll(async () => {
  await warehouse.close();
  await proxy.close();
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

function open(url: string): Promise<Warehouse> {
  return openWarehouse(url, { cwd: directory, segmentsDirectory: join(directory, 'segments'), mirror: 'memory' });
}

const insert = (value: number) => (s: SqlSession) => s.exec('insert into t (a) values ($1)', [value]);
async function has(value: number): Promise<boolean> {
  const rows = await warehouse.read((s) => s.all('select a from t where a = $1', [value]));
  return rows.length > 0;
}

test('a COMMIT that never arrived is COMMIT_UNKNOWN, and nothing was committed', async () => {
  proxy.arm({ kind: 'cut-before', word: 'commit' });
  await expect(warehouse.transaction(insert(1))).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN', retryable: true });
  expect(proxy.fired).toBeGreaterThan(0);
  expect(await has(1)).toBe(false);
});

test('a COMMIT whose answer was lost is COMMIT_UNKNOWN, and it was committed', async () => {
  proxy.arm({ kind: 'cut-after', word: 'commit' });
  await expect(warehouse.transaction(insert(2))).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' });
  expect(await has(2)).toBe(true);
});

test('a connection lost before COMMIT is WAREHOUSE_LOST, and nothing was committed', async () => {
  const lost = warehouse.transaction(async (s) => {
    await insert(3)(s);
    proxy.cutAll();
    await insert(4)(s);
  });
  await expect(lost).rejects.toMatchObject({ code: 'WAREHOUSE_LOST', retryable: true });
  expect(await has(3)).toBe(false);
});

test('a connection lost in the middle of a load is WAREHOUSE_LOST', async () => {
  proxy.arm({ kind: 'cut-before', word: '\n250000\n' });
  const table = { schema: 'public', name: 't', columns: ['a'] };
  const load = warehouse.transaction((s) => warehouse.load(s, table, 'select i from range(300000) r(i)'));
  await expect(load).rejects.toMatchObject({ code: 'WAREHOUSE_LOST' });
  expect(await has(250_001)).toBe(false);
});

test('a connection lost while a result is streamed is WAREHOUSE_LOST', async () => {
  const streamed = warehouse.read(async (s) => {
    for await (const batch of s.stream('select i from generate_series(1, 100000) i'))
      if (batch.rows.length > 0) proxy.cutAll();
  });
  await expect(streamed).rejects.toMatchObject({ code: 'WAREHOUSE_LOST' });
});

test('pooled connections that died while idle are replaced unseen', async () => {
  await Promise.all([has(1), has(1), has(1)]);
  proxy.cutAll();
  expect(await has(2)).toBe(true);
});

test('a statement that failed and was swallowed cannot be committed as a success', async () => {
  const work = warehouse.transaction(async (s) => {
    await insert(5)(s);
    await s.exec('select nothing from nowhere').catch(() => undefined);
  });
  await expect(work).rejects.toMatchObject({ code: 'SQL_FAILED' });
  expect(await has(5)).toBe(false);
});

test('a pipeline lock ends with its connection', async () => {
  await warehouse.lockPipeline('p', { onWait: () => expect.unreachable() });
  proxy.cutAll();
  // The server notices the reset by itself; waiting in its queue is enough.
  const release = await warehouse.lockPipeline('p', { onWait: () => {} });
  await release();
});

test('serialisation failures are WAREHOUSE_CONFLICT and may be retried', async () => {
  const conflict = warehouse.transaction(async (s) => {
    await s.exec("do $$ begin raise sqlstate '40001' using message = 'could not serialize'; end $$");
  });
  await expect(conflict).rejects.toMatchObject({ code: 'WAREHOUSE_CONFLICT', retryable: true });
});

test('a full disk is DISK_FULL, a missing right WAREHOUSE_DENIED', async () => {
  const raise = (state: string) => (s: SqlSession) =>
    s.exec(`do $$ begin raise sqlstate '${state}' using message = 'said the server'; end $$`);
  await expect(warehouse.transaction(raise('53100'))).rejects.toMatchObject({ code: 'DISK_FULL' });
  await expect(warehouse.transaction(raise('42501'))).rejects.toMatchObject({ code: 'WAREHOUSE_DENIED' });
});

test('a server that crashes and comes back: what ran is lost, what was committed stays, the next transaction works', async () => {
  const server: PostgresServer = await startPostgresServer();
  const restarted = await open(server.url('postgres'));
  try {
    await restarted.transaction((s) => s.exec('create table t (a bigint)'));
    const lost = restarted.transaction(async (s) => {
      await insert(1)(s);
      await server.restart('immediate');
      await insert(2)(s);
    });
    await expect(lost).rejects.toMatchObject({ code: 'WAREHOUSE_LOST' });
    await restarted.transaction(insert(3));
    expect(await restarted.read((s) => s.all('select a from t'))).toEqual([{ a: 3 }]);
    await server.stop();
    await expect(restarted.transaction(insert(4))).rejects.toMatchObject({ code: 'WAREHOUSE_UNREACHABLE' });
  } finally {
    await restarted.close();
    await server.dispose();
  }
});
