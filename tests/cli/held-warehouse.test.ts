import { chmod, mkdtemp, readdir, stat, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askHolder } from '../../src/cli/holder/ask.ts';
import { type Holder, listen } from '../../src/cli/holder/listen.ts';
import { type HolderFile, messages, PROTOCOL, readHolderFile, send } from '../../src/cli/holder/protocol.ts';
import { openWarehouse } from '../../src/warehouse/open.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';

let folder: string;
let path: string;
let warehouse: Warehouse;
let holder: Holder;

const closing = { signal: new AbortController().signal, onWait: () => {} };
const reader = async (): Promise<Warehouse> => (await askHolder(path))!;
const told = async (): Promise<HolderFile> => (await readHolderFile(`${path}.holder.json`))!;
const change = (sql: string) => warehouse.transaction((s) => s.exec(sql));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sparkify-held-'));
  path = join(folder, 'star.db');
  warehouse = await openWarehouse(`duckdb:${path}`, { cwd: folder });
  await change('create table plays as select range as n, 9007199254740993::bigint as big from range(5000)');
  holder = await listen(warehouse);
});

afterEach(async () => {
  await holder.close(closing);
  await warehouse.close();
});

test('a reader sees the last commit while a transaction is under way, and one snapshot however long it reads', async () => {
  const count = 'select count(*) as n from plays';
  const other = await reader();
  await warehouse.transaction(async (writing) => {
    await writing.exec('delete from plays');
    expect(await other.read((s) => s.all(count))).toEqual([{ n: 5000 }]);
  });
  expect(await other.read((s) => s.all(count))).toEqual([{ n: 0 }]);
  await other.read(async (s) => {
    expect(await s.all(count)).toEqual([{ n: 0 }]);
    await change('insert into plays values (1, 1)');
    expect(await s.all(count)).toEqual([{ n: 0 }]);
  });
});

test('rows come through as they are: 64 bits, dates, bytes, more than one batch', async () => {
  await (await reader()).read(async (s) => {
    const [row] = await s.all(
      "select big, timestamp '2018-11-01' as t, '\\xFF'::blob as b, $1 as p from plays limit 1",
      [7n],
    );
    expect(row).toMatchObject({ big: 9007199254740993n, t: new Date('2018-11-01T00:00:00Z'), p: 7 });
    expect([...(row!.b as Uint8Array)]).toEqual([255]);
    let rows = 0;
    for await (const batch of s.stream('select n from plays')) rows += batch.rows.length;
    expect(rows).toBe(5000);
  });
});

test.each([
  'delete from plays',
  'insert into plays values (1, 1)',
  'commit',
  'select 1; delete from plays',
  'explain analyze delete from plays',
  "copy plays to 'out.csv'",
  'set threads = 1',
  'create or replace temp view "v" as select 1; delete from plays',
  'create table t as select 1',
  "attach 'other.db'",
  'from force_checkpoint()',
  "select * from 'secret.csv'",
  "describe 'secret.csv'",
  'from secret.csv',
  "select (select count(*) from read_csv('secret.csv'))",
  "select * from read_text('/etc/hostname')",
  "select * from query('select 1')",
  "explain select * from 'secret.csv'",
])('a reader is refused: %s', async (sql) => {
  await writeFile(join(folder, 'secret.csv'), 'a\n1\n');
  await change('create schema if not exists "x:y"; create table "x:y"."a:b" as select 1 as one');
  const other = await reader();
  await expect(other.read((s) => s.all(sql))).rejects.toMatchObject({
    code: expect.stringMatching(/USAGE|SQL_FAILED/),
  });
  await expect(other.read((s) => s.exec(sql))).rejects.toThrow();
  expect(await other.read((s) => s.all('select count(*) as n from plays'))).toEqual([{ n: 5000 }]);
  expect(await other.read((s) => s.all('from "x:y"."a:b"'))).toEqual([{ one: 1 }]);
});

test('of files a reader reaches the segments and nothing beside them', async () => {
  const other = await reader();
  const outside = [join(folder, 'x.parquet'), `${path}.segments/../x.parquet`, `${path}.segments-x/x.parquet`];
  for (const file of outside)
    await expect(other.read((s) => s.all(`from read_parquet('${file}')`))).rejects.toMatchObject({ code: 'USAGE' });
  const hidden = `from read_parquet('${path}.segments/' || '../x.parquet')`;
  await expect(other.read((s) => s.all(hidden))).rejects.toMatchObject({ code: 'USAGE' });
  const inside = `from read_parquet(['${path}.segments/none.parquet'], filename = true)`;
  await expect(other.read((s) => s.all(inside))).rejects.toMatchObject({ code: 'SQL_FAILED' });
});

test('the warehouse cannot be changed through its holder', async () => {
  const other = await reader();
  await expect(other.transaction(async () => {})).rejects.toMatchObject({ code: 'WAREHOUSE_BUSY' });
  await expect(other.lockPipeline('x', { onWait: () => {} })).rejects.toMatchObject({ code: 'WAREHOUSE_BUSY' });
});

test('socket and note are for this user alone, and go with the holder', async () => {
  const { socket, pid } = await told();
  const mode = async (file: string) => (await stat(file)).mode & 0o777;
  expect(pid).toBe(process.pid);
  expect(await mode(`${path}.holder.json`)).toBe(0o600);
  expect(await mode(dirname(socket))).toBe(0o700);
  expect(await mode(socket)).toBe(0o600);
  expect(Buffer.byteLength(socket)).toBeLessThan(104);
  await holder.close(closing);
  await expect(stat(dirname(socket))).rejects.toThrow('ENOENT');
  expect((await readdir(folder)).filter((f) => f.includes('holder'))).toEqual([]);
});

test('a note that others may have written is not believed', async () => {
  await chmod(`${path}.holder.json`, 0o666);
  expect(await askHolder(path)).toBeUndefined();
});

test('who speaks out of order, of another file or another version gets no data', async () => {
  const { socket } = await told();
  for (const message of [
    { op: 'all', sql: 'select 1', params: [] },
    { op: 'begin', protocol: PROTOCOL, path: '/another.db' },
    { op: 'begin', protocol: PROTOCOL + 1, path },
    'rubbish',
  ]) {
    const connection = createConnection(socket);
    await send(connection, message);
    expect((await messages(connection).next()).value).toMatchObject({ ok: false });
    connection.destroy();
  }
});

test('a holder that ends waits for a reader at work, and cuts it off when it is interrupted', async () => {
  const other = await reader();
  const interrupted = new AbortController();
  let ending: Promise<void> | undefined;
  const waited: number[] = [];
  await other.read(async (s) => {
    let rows = 0;
    for await (const batch of s.stream('select n from plays')) {
      ending ??= holder.close({ signal: interrupted.signal, onWait: (n) => waited.push(n) });
      rows += batch.rows.length;
    }
    expect(rows).toBe(5000);
    interrupted.abort();
    await ending;
    await expect(s.all('select 1')).rejects.toMatchObject({ code: 'WAREHOUSE_HOLDER_ENDED' });
  });
  expect(waited).toEqual([1]);
  expect(await askHolder(path)).toBeUndefined();
});
