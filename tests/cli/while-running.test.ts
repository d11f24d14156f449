import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { readHolderFile } from '../../src/cli/holder/protocol.ts';
import { ensureBuilt, sparkifyProcess, startSparkify } from './built.ts';
import { sparkify } from './in-process.ts';

let cwd: string;
let running: ReturnType<typeof startSparkify> | undefined;
const file = () => join(cwd, '.sparkify', 'warehouse.duckdb');
const ask = (...args: string[]) => sparkifyProcess(args, { cwd });
/** Their number, or why it cannot be had. */
const orders = async () => {
  const { out, err } = await ask('query', 'select count(*) as n from orders', '--csv');
  return out + err;
};

beforeAll(ensureBuilt, 120_000);

/** A shop with six published orders, a seventh that is not loaded yet, and a task that waits for the file `go`. */
beforeEach(async () => {
  const parent = await mkdtemp(join(tmpdir(), 'sparkify-running-'));
  await sparkify(['init', 'shop'], { cwd: parent });
  cwd = join(parent, 'shop');
  const pipeline = join(cwd, 'pipelines', 'orders.ts');
  const text = await readFile(pipeline, 'utf8');
  const waiting = `call('wait', async ({ log, signal }) => {
    const { existsSync } = await import('node:fs');
    log('task waits');
    while (!existsSync(${JSON.stringify(join(cwd, 'go'))}) && !signal.aborted) await new Promise((done) => setTimeout(done, 20));
  })`;
  const changed = text.replace('  chain,', '  call,\n  chain,').replace('publish()', `${waiting}, publish()`);
  expect(changed.match(/call/g)).toHaveLength(2);
  await writeFile(pipeline, changed);
  await writeFile(join(cwd, 'go'), '');
  expect((await sparkify(['run', 'orders'], { cwd })).code).toBe(0);
});

afterEach(async () => {
  running?.kill('SIGKILL');
  await running;
});

async function startPaused(): Promise<void> {
  await rm(join(cwd, 'go'));
  const order = { orderId: 70, ts: 1709546400000, customer: 'C9', name: 'New One', city: 'Ghent', amount: 1 };
  await writeFile(join(cwd, 'data', 'orders', '2024-03-04-orders.ndjson'), `${JSON.stringify(order)}\n`);
  running = startSparkify(['run', 'orders'], { cwd });
  const { promise, resolve } = deferred();
  running.stderr!.on('data', (chunk: Buffer) => String(chunk).includes('wait: ') && resolve());
  await Promise.race([promise, running.then(({ stderr }) => Promise.reject(new Error(`it did not wait: ${stderr}`)))]);
}

function deferred() {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((r) => {
    resolve = r;
  });
  return { promise, resolve };
}

test('while a run works, the star of before is read and exported by several at once; afterwards the new one', async () => {
  await startPaused();
  const [parquet, csv, duckdb, counted, shown, traced, ledger] = await Promise.all([
    ask('export', 'parquet', '--json'),
    ask('export', 'csv', '--format', 'csv'),
    ask('export', 'duckdb', '--format', 'duckdb'),
    orders(),
    ask('tables', 'show', '--json'),
    ask('trace', 'customers', 'C1', '--json'),
    ask('ledger', '--json'),
  ]);
  expect([parquet, csv, duckdb, shown, traced, ledger].map((r) => [r.code, r.code === 0 ? '' : r.err])).toEqual(
    Array(6).fill([0, '']),
  );
  expect(JSON.parse(parquet.out)).toMatchObject({ publishes: 1, tables: [{ rows: 6 }, { rows: 4 }] });
  expect((await readFile(join(cwd, 'csv', 'orders.csv'), 'utf8')).trim().split('\n')).toHaveLength(7);
  expect(existsSync(join(cwd, 'duckdb', 'orders.duckdb'))).toBe(true);
  expect(counted).toBe('n\r\n6\r\n');
  expect(JSON.parse(shown.out)[0]).toMatchObject({ table: 'orders', rows: 6, publishes: 1 });
  expect(JSON.parse(traced.out).records[0].raw).toContain('Ada King');
  expect((await ask('analyze', 'revenue', '--json')).code).toBe(0);
  expect((await ask('query', 'select count(*) from staging_orders')).code).toBe(0);

  const write = await ask('query', 'explain analyze delete from orders');
  expect(write).toMatchObject({ code: 2, out: '' });
  expect(await ask('run', 'orders')).toMatchObject({ code: 4 });

  await writeFile(join(cwd, 'go'), '');
  expect((await running!).exitCode).toBe(0);
  expect(await orders()).toBe('n\r\n7\r\n');
  expect(JSON.parse((await ask('export', 'after', '--json')).out)).toMatchObject({
    publishes: 2,
    tables: [{ rows: 7 }, { rows: 5 }],
  });
  expect(existsSync(`${file()}.holder.json`)).toBe(false);
}, 120_000);

test('what a killed holder leaves is in nobody’s way, and the next holder clears it', async () => {
  await startPaused();
  running!.kill('SIGKILL');
  await running;
  const left = (await readHolderFile(`${file()}.holder.json`))!;
  expect(existsSync(dirname(left.socket))).toBe(true);
  expect(await orders()).toBe('n\r\n6\r\n');
  await writeFile(join(cwd, 'go'), '');
  expect(await sparkify(['run', 'orders'], { cwd })).toMatchObject({
    code: 0,
    out: expect.stringContaining('ublished'),
  });
  expect(existsSync(dirname(left.socket))).toBe(false);
  expect(existsSync(`${file()}.holder.json`)).toBe(false);
  expect(await orders()).toBe('n\r\n7\r\n');
}, 60_000);
