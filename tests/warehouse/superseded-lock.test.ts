import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWarehouse } from '../../src/warehouse/open.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import { createTestDatabase, type TestDatabase } from '../postgres-server/database.ts';

let database: TestDatabase;
let warehouse: Warehouse;
const directory = mkdtempSync(join(tmpdir(), 'sparkify-lock-'));

beforeAll(async () => {
  database = await createTestDatabase();
  warehouse = await openWarehouse(database.url, { cwd: directory, segmentsDirectory: join(directory, 'segments') });
});

afterAll(async () => {
  await warehouse.close();
  await database.drop();
  rmSync(directory, { recursive: true, force: true });
});

/** A process that has the lock and stands still, with a transaction of its own open. */
async function standStill(): Promise<{ readonly ended: Promise<unknown>; end(): Promise<void> }> {
  const clients = [0, 1].map(
    () => new pg.Client({ connectionString: database.url, application_name: 'sparkify elsewhere:4711' }),
  );
  const ended = Promise.all(clients.map((c) => new Promise((resolve) => c.on('error', resolve))));
  for (const client of clients) await client.connect();
  const key = createHash('sha256').update('sparkify pipeline plays').digest().readBigInt64BE(0);
  await clients[0]!.query('select pg_advisory_lock($1::bigint)', [key.toString()]);
  await clients[1]!.query('begin');
  return { ended, end: () => Promise.all(clients.map((c) => c.end())).then(() => undefined) };
}

test('a holder that lost its right is cut off with all its connections', async () => {
  const { ended } = await standStill();
  const asked: unknown[] = [];
  const waits: string[] = [];
  const release = await warehouse.lockPipeline('plays', {
    onWait: (holder) => waits.push(holder),
    isSuperseded: async (holder) => {
      asked.push(holder);
      return true;
    },
  });
  await ended;
  expect(asked).toEqual([{ host: 'elsewhere', pid: 4711 }]);
  expect(waits).toEqual([expect.stringContaining('process 4711 on elsewhere')]);
  await release();
});

test('one that has it rightly is waited for', async () => {
  const { end } = await standStill();
  let looks = 0;
  let asked: () => void = () => {};
  const askedTwice = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const lock = warehouse.lockPipeline('plays', {
    onWait: () => {},
    isSuperseded: async () => {
      if (++looks === 2) asked();
      return false;
    },
  });
  await askedTwice;
  await end();
  await (await lock)();
});
