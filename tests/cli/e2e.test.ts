import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../postgres-server/database.ts';
import { commandLine, ensureBuilt, sparkifyProcess, startSparkify } from './built.ts';
import { sparkify } from './in-process.ts';

const folder = (): Promise<string> => mkdtemp(join(tmpdir(), 'sparkify-e2e-'));

test('the built command runs as a process: data, progress and exit codes apart', async () => {
  await ensureBuilt();
  const parent = await folder();
  expect(await sparkifyProcess(['init', 'shop'], { cwd: parent })).toMatchObject({ code: 0, err: '' });
  const cwd = join(parent, 'shop');
  const published = await sparkifyProcess(['run', 'orders', '--json'], { cwd });
  expect(published.err).toContain('publish: done');
  expect(JSON.parse(published.out)).toMatchObject({ outcome: 'published', publishes: 1 });
  expect(await sparkifyProcess(['run', 'ordres'], { cwd })).toMatchObject({ code: 2, out: '' });
  const { out } = await sparkifyProcess(['query', '-', '--csv'], { cwd, input: 'select count(*) as n from orders' });
  expect(out).toBe('n\r\n6\r\n');
}, 120_000);

describe('a new project', () => {
  let cwd: string;
  const run = (...args: string[]) => sparkify(args, { cwd });
  beforeAll(async () => {
    const parent = await folder();
    await sparkify(['init', 'shop'], { cwd: parent });
    cwd = join(parent, 'shop');
  });

  test('runs as it is: data on stdout, progress on stderr', async () => {
    const { code, out, err } = await run('run', 'orders', '--json');
    expect(err).toContain('publish: done');
    expect(code).toBe(0);
    const report = JSON.parse(out);
    expect(report).toMatchObject({ pipeline: 'orders', outcome: 'published', publishes: 1 });
    expect(report.tables).toEqual([
      { table: 'orders', added: 6, changed: 0, removed: 0 },
      { table: 'customers', added: 4, changed: 0, removed: 0 },
    ]);
  });

  test('says "nothing new" the second time', async () => {
    const { code, out } = await run('run', 'orders');
    expect(out).toContain('Nothing new for orders');
    expect(code).toBe(0);
  });

  test('answers queries and analyses, from stdin too', async () => {
    const json = await run('query', 'select customer_id, name, city from customers order by customer_id', '--json');
    expect(JSON.parse(json.out)[0]).toEqual({ customer_id: 'C1', name: 'Ada King', city: 'Ockham' });
    const csv = await sparkify(['query', '-', '--csv'], { cwd, input: 'select count(*) as n from staging_orders' });
    expect(csv.out).toBe('n\r\n6\r\n');
    expect((await run('query', 'select * from orders where false', '--json')).out).toBe('[]\n');
    expect((await run('analyze', 'revenue')).out).toMatch(/Grace Hopper +99 {2}█/);
  });

  test('compares an analysis with what is expected', async () => {
    const rows = JSON.parse((await run('analyze', 'revenue', '--json')).out);
    await writeFile(join(cwd, 'expected.json'), JSON.stringify({ revenue: rows }));
    expect((await run('analyze', 'revenue', '--expect', 'expected.json')).code).toBe(0);
    await writeFile(join(cwd, 'expected.json'), JSON.stringify(rows));
    expect((await run('analyze', 'revenue', '--expect', 'expected.json')).code).toBe(0);
    const mistyped = { revenu: rows };
    await writeFile(join(cwd, 'expected.json'), JSON.stringify(mistyped));
    const refused = await run('analyze', '--expect', 'expected.json');
    expect(refused.code).toBe(2);
    expect(refused.err).toContain('expects something of an analysis "revenu", which there is not');
    expect(refused.err).toContain('Did you mean revenue?');
    await writeFile(join(cwd, 'expected.json'), '{"revenue": 5}');
    expect((await run('analyze', 'revenue', '--expect', 'expected.json')).err).toContain('holds no expected rows');
    rows[0].revenue = 1;
    await writeFile(join(cwd, 'expected.json'), JSON.stringify({ revenue: rows.map(Object.values) }));
    const differs = await run('analyze', 'revenue', '--expect', 'expected.json');
    expect(differs.code).toBe(1);
    expect(differs.out).toContain('row 1: expected ["Grace Hopper",1,1], found ["Grace Hopper",1,99]');
  });

  test('shows the rejected record with its raw text', async () => {
    const [record] = JSON.parse((await run('quarantine', 'list', '--json')).out);
    expect(record).toMatchObject({ reason: 'wrong_type', column: 'order_id', line: 3, state: 'quarantined' });
    expect(JSON.parse(record.raw).orderId).toBe('six');
    expect((await run('quarantine', 'show', String(record.id))).out).toContain('"orderId":"six"');
  });

  test('traces a customer to the record that gave the values', async () => {
    const report = JSON.parse((await run('trace', 'customers', 'C1', '--json')).out);
    expect(report.records[0]).toMatchObject({ role: 'winner', line: 1 });
    expect(report.records[0].uri).toMatch(/2024-03-02-orders\.ndjson$/);
    expect(report.records[0].raw).toContain('Ada King');
  });

  test('accounts for every record of every object', async () => {
    const objects: Record<string, number>[] = JSON.parse((await run('ledger', '--json')).out);
    expect(objects).toHaveLength(2);
    for (const o of objects) {
      expect(o.read).toBe(o.staged! + o.quarantined!);
      expect(o.staged).toBe(o.loaded! + o.filtered! + o.outside! + o.duplicated!);
    }
  });

  test('checks what is published and keeps the history', async () => {
    await run('check');
    const checks = JSON.parse((await run('check', 'orders.unique(order_id)', '--json')).out);
    expect(checks).toHaveLength(1);
    expect(checks[0]).toMatchObject({ verdict: 'passed', severity: 'error' });
    expect(checks[0].history.map((h: { verdict: string }) => h.verdict)).toEqual(['passed', 'passed']);
  });

  test.each(['parquet', 'csv', 'duckdb'])('exports the star as %s', async (format) => {
    const { code, out } = await run('export', `out-${format}`, '--format', format, '--json');
    expect(code).toBe(0);
    const manifest = JSON.parse(out);
    expect(manifest.tables.map((t: { rows: number }) => t.rows)).toEqual([6, 4]);
    expect(JSON.parse(await readFile(join(cwd, `out-${format}`, 'manifest.json'), 'utf8'))).toEqual(manifest);
    expect((await run('export', `out-${format}`)).code).toBe(2);
  });

  test('writes CSV with ISO times', async () => {
    const text = await readFile(join(cwd, 'out-csv', 'orders.csv'), 'utf8');
    expect(text.split('\n')[1]).toBe('1,2024-03-01T09:00:00.000Z,C1,42.5');
  });

  test('shows the tables, their SQL and their diagram', async () => {
    const shown = JSON.parse((await run('tables', 'show', '--json')).out);
    expect(shown.map((t: { table: string; rows: number }) => [t.table, t.rows])).toEqual([
      ['orders', 6],
      ['customers', 4],
    ]);
    expect((await run('tables', 'create', '--print')).out).toContain('create table if not exists "main"."orders"');
    expect((await run('tables', 'erd')).out).toMatch(/^erDiagram/);
  });

  test('is examined by doctor', async () => {
    const well = await run('doctor', '--json');
    expect(JSON.parse(well.out).filter((f: { verdict: string }) => f.verdict === 'wrong')).toEqual([]);
    expect(well.code).toBe(0);
    const ill = await run('doctor', '--set', 'data=nowhere');
    expect(ill.out).toMatch(/✗ source of staging_orders[\s\S]*fix:/);
    expect(ill.code).toBe(1);
  });

  test('a corrected record is published by the next run, a discarded one is on record', async () => {
    const text = '{"orderId":6,"ts":1709377200000,"customer":"C2","name":"Alan Turing","city":"Wilmslow","amount":8}';
    const wrong = await run('quarantine', 'correct', '1', '--text', '{"orderId":6}');
    expect(wrong.code).toBe(1);
    expect(wrong.err).toContain('fix:');
    expect((await run('quarantine', 'replay', '1')).out).toContain('wrong_type');
    expect((await run('quarantine', 'correct', '1', '--text', text, '--note', 'typed by hand')).code).toBe(0);
    expect(await run('run', 'orders')).toMatchObject({ code: 0 });
    const { out } = await run('query', 'select order_id, amount from orders where order_id = 6', '--json');
    expect(JSON.parse(out)).toEqual([{ order_id: 6, amount: 8 }]);
    expect((await run('quarantine', 'list', '--json')).out).toBe('[]\n');
    const [settled] = JSON.parse((await run('quarantine', 'list', '--all', '--json')).out);
    expect(settled).toMatchObject({ state: 'corrected', note: 'typed by hand' });
    await writeFile(join(cwd, 'data', 'orders', '2024-03-03-orders.ndjson'), '{"orderId":8}\n');
    await run('run', 'orders');
    const [open] = JSON.parse((await run('quarantine', 'list', '--json')).out);
    expect((await run('quarantine', 'discard', String(open.id))).code).toBe(2);
    expect((await run('quarantine', 'discard', String(open.id), '--yes')).out).toContain('Discarded 1 of 1');
  });

  test('fields that came unknown or not at all are told and stay in the ledger', async () => {
    const text = '{"orderId":9,"ts":1709467200000,"customer":"C2","amount":8,"coupon":"X"}\n';
    await writeFile(join(cwd, 'data', 'orders', '2024-03-04-orders.ndjson'), text);
    expect((await run('run', 'orders')).err).toContain('unknown field "coupon" in 1 record');
    const objects: { object: string; drift: unknown }[] = JSON.parse((await run('ledger', '--json')).out);
    const lines = (await run('ledger', '--ndjson')).out.trimEnd().split('\n');
    expect(lines.map((text) => JSON.parse(text))).toEqual(objects);
    const drifted = objects.filter((o) => o.object.endsWith('2024-03-04-orders.ndjson'));
    expect(drifted.map((o) => o.drift)).toEqual([{ unknown: { coupon: 1 }, missing: { name: 1, city: 1 } }]);
    expect(objects.filter((o) => o.drift === null)).not.toEqual([]);
  });

  test('a changed definition is named, and wants a rebuild', async () => {
    const path = join(cwd, 'pipelines', 'orders.ts');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace("nullif(r.city, '')", 'upper(r.city)'));
    const refused = await run('run', 'orders');
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('customers.city');
    expect(refused.err).toContain('--rebuild');
    expect((await run('run', 'orders', '--rebuild')).code).toBe(0);
    const { out } = await run('query', "select city from customers where customer_id = 'C1'", '--csv');
    expect(out).toBe('city\r\nOCKHAM\r\n');
  });
});

test('a check that keeps a run from publishing is told with rows that show it, then and by `check`', async () => {
  const parent = await folder();
  await sparkify(['init', 'shop'], { cwd: parent });
  const cwd = join(parent, 'shop');
  const file = join(cwd, 'pipelines', 'orders.ts');
  const text = await readFile(file, 'utf8');
  const cities = "check.acceptedValues('customers', 'city', ['Ockham', 'Wilmslow', 'Austin'])";
  await writeFile(file, text.replace("check.unique('customers', ['customer_id']),", `${cities},`));
  expect((await sparkify(['run', 'orders'], { cwd })).code).toBe(0);
  const order = { orderId: 9, ts: 1709283600000, customer: 'C9', name: 'Ann', city: 'Atlantis', amount: 1 };
  await writeFile(join(cwd, 'data', 'orders', '2024-03-05-orders.ndjson'), JSON.stringify(order));
  await writeFile(join(cwd, 'data', 'orders', 'not\u001b[31m\nthis.ndjson'), '');
  const { code, err } = await sparkify(['run', 'orders'], { cwd });
  expect(code).toBe(1);
  expect(err).toMatch(/found another value in 1 new row; for example \{.*"city":"Atlantis"/);
  expect(err).toContain('not\u241b[31m\u240athis.ndjson is not read');
  expect(err).not.toContain('\u001b');
  const name = 'customers.city in (Ockham,Wilmslow,Austin)';
  const shown = await sparkify(['check', name], { cwd });
  expect(shown.code).toBe(0);
  expect(shown.out).toMatch(
    /in the run at .*: expected only Ockham, .*found another value in 1 new row\n {4}\{.*Atlantis/,
  );
  const [told] = JSON.parse((await sparkify(['check', name, '--json'], { cwd })).out);
  expect(told.history.find((h: { verdict: string }) => h.verdict === 'failed').samples).toMatchObject([
    { city: 'Atlantis' },
  ]);
});

describe('the whole job', () => {
  let cwd: string;
  let database: TestDatabase;
  const sets = ['--set', 'logData=data/log_data', '--set', 'songData=data/song_data'];
  beforeAll(async () => {
    cwd = await folder();
    database = await createTestDatabase();
    const knobs = ['--seed', '3', '--users', '20', '--songs', '50', '--from', '2018-11-01', '--to', '2018-11-04'];
    const { code, err } = await sparkify(['simulate', '--out', 'data', ...knobs, '--defects', 'all'], { cwd });
    if (code !== 0) throw new Error(err);
  });
  afterAll(() => database.drop());

  test('ends in the same answers on the embedded warehouse and on PostgreSQL', async () => {
    const truth = JSON.parse(await readFile(join(cwd, 'data', 'truth.json'), 'utf8'));
    const answers: string[] = [];
    for (const warehouse of ['duckdb:star.duckdb', database.url]) {
      const at = { cwd, env: { SPARKIFY_WAREHOUSE: warehouse } };
      const loaded = await sparkify(['run', 'sparkify', ...sets], at);
      expect(loaded.err).not.toContain('error:');
      expect(loaded.code).toBe(0);
      const counts = await sparkify(['tables', 'show', '--json'], at);
      const rows = Object.fromEntries(
        JSON.parse(counts.out).map((t: { table: string; rows: number }) => [t.table, t.rows]),
      );
      expect(rows).toEqual({
        songplays: truth.tables.songplays,
        users: truth.tables.users,
        songs: truth.tables.songs,
        artists: truth.tables.artists,
        time: truth.tables.time,
      });
      const all = await sparkify(['analyze', 'all', '--json'], at);
      const songplays = await sparkify(['query', 'select * from songplays order by songplay_id', '--json'], at);
      const ledger = await sparkify(['ledger', '--json'], at);
      const checks = await sparkify(['check', '--history', '0', '--json'], at);
      expect([all, songplays, ledger, checks].map((r) => r.code)).toEqual([0, 0, 0, 0]);
      answers.push([all, songplays, ledger, checks].map((r) => r.out).join('\n'));
    }
    expect(answers[1]).toBe(answers[0]);
  }, 120_000);

  test('a busy embedded file is one error with its holder', async () => {
    await ensureBuilt();
    const { DuckDBInstance } = await import('@duckdb/node-api');
    const instance = await DuckDBInstance.create(join(cwd, 'star.duckdb'));
    try {
      const { code, err } = await sparkifyProcess(['query', 'select 1', '-w', 'duckdb:star.duckdb'], { cwd });
      expect(code).toBe(4);
      expect(err).toContain(`process ${process.pid}`);
    } finally {
      instance.closeSync();
    }
  });

  test('a wrong password is one error that does not show it', async () => {
    const url = new URL(database.url);
    url.password = 'not-the-password';
    const { code, err } = await sparkify(['query', 'select 1', '-w', url.href], { cwd });
    expect(code).not.toBe(0);
    expect(err).toContain('fix:');
    expect(err).not.toContain('not-the-password');
  });

  test('what reads cannot write, on either engine', async () => {
    for (const warehouse of ['duckdb:star.duckdb', database.url]) {
      const sql = 'with gone as (delete from users returning user_id) select * from gone';
      const { code } = await sparkify(['query', sql, '-w', warehouse], { cwd });
      expect(code).toBe(1);
      const { out } = await sparkify(['query', 'select count(*) > 0 as there from users', '--csv', '-w', warehouse], {
        cwd,
      });
      expect(out).toBe('there\r\ntrue\r\n');
    }
  });

  test('queries reach no file but the segments', async () => {
    await writeFile(join(cwd, 'secret.csv'), 'a\n1\n');
    const { code, err } = await sparkify(['query', "select * from 'secret.csv'", '-w', 'duckdb:star.duckdb'], { cwd });
    expect(code).toBe(1);
    expect(err).not.toContain('1 row');
  });

  test('a reader that closes the pipe ends the command quietly', async () => {
    await ensureBuilt();
    const command = `${commandLine} query 'select * from range(5000000)' --ndjson -w duckdb:star.duckdb`;
    const script = `${command} | head -n 1; echo "exit codes ${'$'}{PIPESTATUS[*]}"`;
    const { stdout, stderr } = await execa('bash', ['-c', script], { cwd });
    expect(stdout).toBe('{"range":0}\nexit codes 0 0');
    expect(stderr).toBe('');
  });

  test('output that cannot be written is an error without a stack', async () => {
    await ensureBuilt();
    const command = `${commandLine} query 'select * from range(5)' --ndjson -w duckdb:star.duckdb > /dev/full`;
    const { exitCode, stderr } = await execa('bash', ['-c', command], { cwd, reject: false });
    expect(stderr).toBe('error: the output cannot be written: ENOSPC: no space left on device, write');
    expect(exitCode).toBe(1);
  });

  test('tables are emptied and dropped with a yes, and a run brings them back', async () => {
    for (const warehouse of ['duckdb:star.duckdb', database.url]) {
      const at = { cwd, env: { SPARKIFY_WAREHOUSE: warehouse } };
      const songplays = () => sparkify(['query', 'select * from songplays order by songplay_id', '--csv'], at);
      const before = (await songplays()).out;
      const unsure = await sparkify(['tables', 'reset'], at);
      expect(unsure.code).toBe(2);
      expect(unsure.err).toContain('songplays  165 rows');
      expect((await songplays()).out).toBe(before);
      for (const how of ['reset', 'drop']) {
        expect((await sparkify(['tables', how, '--yes'], at)).code).toBe(0);
        const { out } = await sparkify(['tables', 'show', 'songplays', '--json'], at);
        expect(JSON.parse(out)[0].rows).toBe(how === 'drop' ? null : 0);
        const again = await sparkify(['run', 'sparkify', ...sets], at);
        expect(again.err).not.toContain('error:');
        expect((await songplays()).out).toBe(before);
      }
    }
  }, 180_000);

  test('Ctrl-C ends with 130, and the next run carries on', async () => {
    await ensureBuilt();
    const at = { cwd, env: { SPARKIFY_WAREHOUSE: 'duckdb:interrupted.duckdb' } };
    const command = startSparkify(['run', 'sparkify', ...sets], at);
    command.stderr!.once('data', () => command.kill('SIGINT'));
    const { exitCode, stderr } = await command;
    expect(stderr).toContain('interrupted');
    expect(exitCode).toBe(130);
    expect((await sparkify(['run', 'sparkify', ...sets], at)).code).toBe(0);
  });
});
