import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openWarehouse } from '../../src/warehouse/open.ts';
import { maskUrl, parseWarehouseUrl } from '../../src/warehouse/url.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';

let directory: string;
const opened: Warehouse[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sparkify-embedded-'));
});
afterEach(async () => {
  for (const warehouse of opened.splice(0)) await warehouse.close();
  await rm(directory, { recursive: true, force: true });
});

async function open(url: string, options: { readOnly?: boolean } = {}): Promise<Warehouse> {
  const warehouse = await openWarehouse(url, { cwd: directory, ...options });
  opened.push(warehouse);
  return warehouse;
}

async function close(warehouse: Warehouse): Promise<void> {
  opened.splice(opened.indexOf(warehouse), 1);
  await warehouse.close();
}

test('the path is relative to the working directory given; folders are made; segments lie beside the file', async () => {
  const warehouse = await open('duckdb:some/where.db');
  expect(warehouse.url).toBe(`duckdb:${join(directory, 'some', 'where.db')}`);
  expect(warehouse.segments.directory).toBe(join(directory, 'some', 'where.db.segments'));
  expect(existsSync(join(directory, 'some', 'where.db'))).toBe(true);
});

test('file and segments move together', async () => {
  const warehouse = await open('duckdb:a.db');
  await warehouse.transaction((s) => s.exec('create table t as select 42 as a'));
  await close(warehouse);
  await rename(join(directory, 'a.db'), join(directory, 'b.db'));
  const moved = await open('duckdb:b.db');
  expect(await moved.read((s) => s.all('select a from t'))).toEqual([{ a: 42 }]);
});

test('opened twice in one process it is one database, whichever is closed first', async () => {
  const first = await open('duckdb:a.db');
  const second = await open('duckdb:a.db');
  await first.transaction((s) => s.exec('create table t as select 1 as a'));
  await second.transaction((s) => s.exec('insert into t values (2)'));
  await close(first);
  await second.transaction((s) => s.exec('insert into t values (3)'));
  await close(second);
  const third = await open('duckdb:a.db');
  expect(await third.read((s) => s.all('select sum(a) as s from t'))).toEqual([{ s: 6 }]);
});

test('opened read-only while this process writes to it, it is busy', async () => {
  await open('duckdb:a.db');
  await expect(open('duckdb:a.db', { readOnly: true })).rejects.toMatchObject({ code: 'WAREHOUSE_BUSY' });
});

test('a file another process has is WAREHOUSE_BUSY, with that process', async () => {
  const path = join(directory, 'busy.db');
  await close(await open(`duckdb:${path}`));
  const script = `require('@duckdb/node-api').DuckDBInstance.create(${JSON.stringify(path)}).then((db) => { globalThis.db = db; console.log('open'); setInterval(() => {}, 1000); })`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    await expect(open(`duckdb:${path}`)).rejects.toMatchObject({
      code: 'WAREHOUSE_BUSY',
      message: expect.stringContaining(String(child.pid)),
    });
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

test('a file that is no database is WAREHOUSE_INVALID; read-only, one that is not there is refused and not made', async () => {
  await writeFile(join(directory, 'text.db'), 'no database at all, but long enough to have a header '.repeat(200));
  await expect(open('duckdb:text.db')).rejects.toMatchObject({ code: 'WAREHOUSE_INVALID' });
  await expect(open('duckdb:none.db', { readOnly: true })).rejects.toMatchObject({ code: 'WAREHOUSE_OPEN_FAILED' });
  expect(existsSync(join(directory, 'none.db'))).toBe(false);
});

test('read-only SQL sees tables and segments, and reaches and changes nothing else', async () => {
  const writer = await open('duckdb:a.db');
  await mkdir(writer.segments.directory);
  await writer.transaction(async (s) => {
    await s.exec('create table t as select 1 as a');
    await s.exec(`copy (select 7 as a) to '${join(writer.segments.directory, 's.parquet')}' (format parquet)`);
  });
  await close(writer);
  const secret = join(directory, 'secret.csv');
  await writeFile(secret, 'x\n1\n');
  const reader = await open('duckdb:a.db', { readOnly: true });
  const all = (sql: string): Promise<unknown> => reader.read((s) => s.all(sql));
  expect(await all('select a from t')).toEqual([{ a: 1 }]);
  expect(await all(`select a from '${join(reader.segments.directory, 's.parquet')}'`)).toEqual([{ a: 7 }]);
  const refused = [
    `select * from '${secret}'`,
    `select * from read_text('${reader.segments.directory}/../secret.csv')`,
    `copy t to '${join(directory, 'out.csv')}'`,
    'insert into t values (2)',
    'set enable_external_access = true',
    `attach '${join(directory, 'other.db')}' as other`,
    'install httpfs; load httpfs',
  ];
  for (const sql of refused) await expect(all(sql), sql).rejects.toMatchObject({ code: 'SQL_FAILED' });
  expect(existsSync(join(directory, 'out.csv'))).toBe(false);
});

test('a waiting run in the same process gets the pipeline after the first, in both warehouses’ way', async () => {
  const warehouse = await open('duckdb:a.db');
  const release = await warehouse.lockPipeline('p', { onWait: () => expect.unreachable() });
  const next = [1, 2].map(() => warehouse.lockPipeline('p', { onWait: () => {} }));
  await release();
  const releaseOne = await Promise.race(next);
  await releaseOne();
  await Promise.all(next.map((n) => n.then((free) => free())));
});

test('a URL that names no warehouse is refused with what to write, and shows no password', () => {
  const cases: readonly [string, RegExp][] = [
    ['', /no scheme/],
    ['warehouse.db', /no scheme/],
    ['duckdb:', /path is missing/],
    ['duckdb::memory:', /segments need a place/],
    ['mysql://root:secret@h/db', /"mysql:" is no engine/],
    ['postgres:secret', /after the scheme comes/],
    ['C:\\data\\w.db', /"c:" is no engine/],
  ];
  for (const [url, reason] of cases) {
    try {
      parseWarehouseUrl(url, '/');
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'WAREHOUSE_URL_INVALID', message: expect.stringMatching(reason) });
      if (url.includes('@')) expect(String(error)).not.toContain('secret');
    }
  }
  expect(parseWarehouseUrl('duckdb:a b.db', '/x')).toEqual({ engine: 'duckdb', path: '/x/a b.db' });
  expect(parseWarehouseUrl('duckdb:///x/y.db', '/')).toEqual({ engine: 'duckdb', path: '/x/y.db' });
  expect(parseWarehouseUrl('postgres://h/db', '/')).toEqual({ engine: 'postgres', url: 'postgres://h/db' });
});

test('passwords are masked wherever they stand in a URL', () => {
  const masked: readonly [string, string][] = [
    ['postgresql://u:p@h/db', 'postgresql://u:***@h/db'],
    ['postgresql://u:p@ss:w@h/db', 'postgresql://u:***@h/db'],
    ['postgresql://u:p/w?x#y@h/db', 'postgresql://u:***@h/db'],
    ['postgresql://:p@h/db', 'postgresql://:***@h/db'],
    ['postgresql://u@h/db?password=p&sslmode=require', 'postgresql://u@h/db?password=***&sslmode=require'],
    ['postgresql://u@h:5432/db', 'postgresql://u@h:5432/db'],
  ];
  for (const [url, shown] of masked) expect(maskUrl(url)).toBe(shown);
});
