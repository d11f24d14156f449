import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLedgerTables, ledger } from '../../../src/ledger/transaction.ts';
import type { DifferingObject } from '../../../src/operators/source-look.ts';
import { saveLook } from '../../../src/orchestrator/cells/save-look.ts';
import { settlePending } from '../../../src/orchestrator/cells/settle-pending.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import { DuckDatabase } from '../../../src/warehouse/duckdb/database.ts';
import { duckdbDialect } from '../../../src/warehouse/duckdb/dialect.ts';
import type { Warehouse } from '../../../src/warehouse/warehouse.ts';
import { eachStore } from '../stores.ts';
import { nowMs } from './facts.ts';
import { pendingNow } from './pending.ts';

let database: DuckDatabase;
let warehouse: Pick<Warehouse, 'read'>;

beforeEach(async () => {
  database = await DuckDatabase.open({ path: ':memory:', threads: 1 });
  warehouse = { read: (work) => database.transaction(work) };
  await database.transaction(async (session) => {
    await createLedgerTables(session, duckdbDialect, false);
    await session.exec(`insert into ${ledger('meta')} (id, format) values (1, 1)`);
  });
});
afterEach(() => database.close());

interface Version {
  readonly name: string;
  readonly version?: string;
  readonly state?: string;
  readonly sizeBytes?: number;
  readonly mtimeMs?: number | null;
  readonly lookedAtMs?: number;
}

const uriOf = (name: string): string => `s3://b/${name}`;

async function record(versions: readonly Version[], staging = 's'): Promise<void> {
  await database.transaction(async (session) => {
    for (const [i, v] of versions.entries())
      await session.exec(
        `insert into ${ledger('objects')} (object_id, pipeline, staging, uri, version, size_bytes, mtime_ms, looked_at_ms, state)
         values ($1, 'p', $2, $3, $4, $5, $6, $7, $8)`,
        [
          15_000 * (i + 1),
          staging,
          uriOf(v.name),
          v.version ?? 'sha256:0',
          v.sizeBytes ?? 10,
          v.mtimeMs === undefined ? 1 : v.mtimeMs,
          v.lookedAtMs ?? nowMs,
          v.state ?? 'live',
        ],
      );
  });
}

function seen(name: string, more: Partial<DifferingObject> = {}): DifferingObject {
  const shared = { period: undefined, version: undefined, sizeBytes: 10, mtimeMs: 1 };
  return { uri: uriOf(name), change: 'new', ...shared, ...more };
}

async function save(store: Store, differing: readonly DifferingObject[], staging = 's'): Promise<void> {
  const at = { pipeline: 'p', staging, root: 's3://b/', listedAtMs: nowMs, within: undefined };
  await saveLook(store, { ...at, listed: [], covers: () => true, differing, compared: true });
}

async function left(store: Store): Promise<readonly string[]> {
  return (await pendingNow(store)).map((object) => object.name.slice('b/'.length));
}

eachStore((_engine, open) => {
  test('files are settled by size, time of change and a look at their bytes since', async () => {
    const { store } = await open();
    await save(
      store,
      ['early', 'larger', 'none', 'other time', 'same', 'staged'].map((name) => seen(name)),
    );
    await record([
      { name: 'same' },
      { name: 'larger', sizeBytes: 11 },
      { name: 'other time', mtimeMs: 2 },
      { name: 'early', lookedAtMs: nowMs - 1 },
      { name: 'staged', state: 'staged' },
    ]);
    expect(await settlePending(store, warehouse, 'p')).toBe(1);
    expect(await left(store)).toEqual(['early', 'larger', 'none', 'other time', 'staged']);
    expect(await settlePending(store, warehouse, 'q')).toBe(0);
  });

  test('objects with versions are settled by them, whenever they were looked at and whatever characters they have', async () => {
    const { store } = await open();
    const odd = String.raw`"a\"b\\c'`;
    await save(store, [seen('etag', { version: odd }), seen('other', { version: 'v2' }), seen('file')]);
    await record([
      { name: 'etag', version: odd, mtimeMs: null, lookedAtMs: nowMs - 99 },
      { name: 'other', version: 'v1', lookedAtMs: nowMs },
      { name: 'file' },
    ]);
    expect(await settlePending(store, warehouse, 'p')).toBe(2);
    expect(await left(store)).toEqual(['other']);
  });

  test('what is gone is settled when it is not live any more, also where nothing is live', async () => {
    const { store } = await open();
    await save(store, [seen('retracted', { change: 'gone' }), seen('there', { change: 'gone' })]);
    await save(store, [seen('elsewhere', { change: 'gone' }), seen('new')], 't');
    await record([{ name: 'there' }, { name: 'retracted', state: 'retired' }]);
    expect(await settlePending(store, warehouse, 'p')).toBe(2);
    expect(await left(store)).toEqual(['new', 'there']);
  });

  test('very many are settled at once', async () => {
    const { store } = await open();
    const names = Array.from({ length: 30_000 }, (_, i) => `${i}.json`);
    await save(
      store,
      names.map((name) => seen(name)),
    );
    await database.transaction((session) =>
      session.exec(
        `insert into ${ledger('objects')} (object_id, pipeline, staging, uri, version, size_bytes, mtime_ms, looked_at_ms, state)
         select i, 'p', 's', 's3://b/' || i || '.json', 'v', 10, 1, $1, 'live' from range(1, 30000) r (i)`,
        [nowMs],
      ),
    );
    expect(await settlePending(store, warehouse, 'p')).toBe(29_999);
    expect(await left(store)).toEqual(['0.json']);
  });
});
