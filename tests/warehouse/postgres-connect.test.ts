import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { SparkifyError } from '../../src/core/errors.ts';
import { type OpenWarehouseOptions, openWarehouse } from '../../src/warehouse/open.ts';
import { isLoopback, resolveAddress } from '../../src/warehouse/postgres/connection-options.ts';
import { findPassword } from '../../src/warehouse/postgres/pass-file.ts';
import { administer, createTestDatabase, type TestDatabase } from '../postgres-server/database.ts';

let directory: string;
let database: TestDatabase;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sparkify-connect-'));
  database = await createTestDatabase();
});
afterAll(async () => {
  await database.drop();
  await rm(directory, { recursive: true, force: true });
});

const SECRET = 'hunter2-very:secret@word/';

function options(env: Record<string, string> = {}): OpenWarehouseOptions {
  const home = { HOME: directory };
  return { cwd: directory, segmentsDirectory: join(directory, 'segments'), mirror: 'memory', env: { ...home, ...env } };
}

async function failure(url: string, env: Record<string, string> = {}): Promise<SparkifyError> {
  const error: unknown = await openWarehouse(url, options(env)).then(
    () => expect.unreachable(),
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(SparkifyError);
  return error as SparkifyError;
}

function changed(change: (url: URL) => void): string {
  const url = new URL(database.url);
  change(url);
  return url.href;
}

describe('a failure to open has one code, its cause and its fix, and no secret', () => {
  const cases: readonly [name: string, code: string, url: () => string][] = [
    ['wrong password', 'WAREHOUSE_AUTH_FAILED', () => changed((u) => (u.password = encodeURIComponent(SECRET)))],
    ['no such role', 'WAREHOUSE_AUTH_FAILED', () => changed((u) => (u.username = 'nobody_there'))],
    ['no password', 'WAREHOUSE_AUTH_FAILED', () => changed((u) => (u.password = ''))],
    ['no such database', 'WAREHOUSE_DATABASE_MISSING', () => changed((u) => (u.pathname = '/not_there'))],
    ['a server without TLS', 'WAREHOUSE_TLS_FAILED', () => changed((u) => (u.search = '?sslmode=verify-full'))],
    [
      'a certificate file that is not there',
      'WAREHOUSE_TLS_FAILED',
      () => changed((u) => (u.search = '?sslmode=verify-full&sslrootcert=nowhere.pem')),
    ],
    [
      'a host that is not there',
      'WAREHOUSE_UNREACHABLE',
      () => `postgresql://u:${encodeURIComponent(SECRET)}@host.invalid/db?sslmode=disable`,
    ],
    [
      'a folder without a socket',
      'WAREHOUSE_UNREACHABLE',
      () => `postgresql://u:${encodeURIComponent(SECRET)}@/db?host=/nowhere`,
    ],
    ['an unknown sslmode', 'WAREHOUSE_URL_INVALID', () => `postgresql://u:x@h/db?sslmode=maybe`],
    ['a fallback sslmode', 'WAREHOUSE_URL_INVALID', () => `postgresql://u:x@h/db?sslmode=prefer`],
    ['an unknown parameter', 'WAREHOUSE_URL_INVALID', () => `postgresql://u:x@h/db?colour=red`],
    ['a list of hosts', 'WAREHOUSE_URL_INVALID', () => `postgresql://u:x@a:1,b:2/db`],
    ['an unescaped password', 'WAREHOUSE_URL_INVALID', () => `postgresql://u:hunter2-very:secret@word/@h:1/db`],
  ];
  test.each(cases)('%s: %s', async (_name, code, url) => {
    const error = await failure(url());
    expect(error.code).toBe(code);
    expect(error.remedy).not.toBe('');
    const told = `${error.message} ${error.remedy} ${JSON.stringify(error.params)}`;
    expect(told).not.toContain('hunter2');
    expect(told).not.toContain('secret');
    expect(told).not.toContain(new URL(database.url).password);
  });

  test('nothing listens on the port', async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    const port = await new Promise<number>((resolve) =>
      probe.once('listening', () => resolve((probe.address() as { port: number }).port)),
    );
    await new Promise((resolve) => probe.close(resolve));
    const error = await failure(changed((u) => (u.port = String(port))));
    expect(error.code).toBe('WAREHOUSE_UNREACHABLE');
    expect(error.message).toContain(`nothing listens on port ${port}`);
  });

  test('a role that may not create', async () => {
    await administer(database.url, "create role reader_only login password 'x'");
    try {
      const url = changed((u) => {
        u.username = 'reader_only';
        u.password = 'x';
      });
      const warehouse = await openWarehouse(url, options());
      const denied = warehouse.transaction((s) => s.exec('create schema mine'));
      await expect(denied).rejects.toMatchObject({ code: 'WAREHOUSE_DENIED' });
      await warehouse.close();
    } finally {
      await administer(database.url, 'drop role reader_only');
    }
  });

  test('no folder for the segments', async () => {
    await expect(openWarehouse(database.url, { cwd: directory })).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('the password', () => {
  const noPassword = (): string => changed((u) => (u.password = ''));
  const password = (): string => decodeURIComponent(new URL(database.url).password);

  test('may come from the environment that is given', async () => {
    const warehouse = await openWarehouse(noPassword(), options({ PGPASSWORD: password() }));
    expect(warehouse.url).not.toContain(password());
    await warehouse.close();
  });

  test('may come from a pass file that nobody else can read', async () => {
    const file = join(directory, 'pass');
    const escaped = password().replace(/[\\:]/g, '\\$&');
    await writeFile(file, `# a comment\nother:*:*:*:nope\n*:*:${database.name}:*:${escaped}\n`, { mode: 0o600 });
    const warehouse = await openWarehouse(noPassword(), options({ PGPASSFILE: file }));
    await warehouse.close();
    await chmod(file, 0o644);
    expect((await failure(noPassword(), { PGPASSFILE: file })).code).toBe('WAREHOUSE_AUTH_FAILED');
  });

  test('of a pass file is that of the first line that matches', () => {
    const query = { host: 'db.example.com', port: 5432, database: 'dwh', user: 'me' };
    expect(findPassword('db.example.com:5433:*:*:a\n*:*:dwh:you:b\n*:*:dwh:me:c\\:d\\\\e:f\n*:*:*:*:g', query)).toBe(
      'c:d\\e:f',
    );
    expect(findPassword('too:few:fields\n', query)).toBeUndefined();
    expect(findPassword('localhost:*:*:*:s', { ...query, host: '/var/run/postgresql' })).toBe('s');
  });
});

describe('TLS', () => {
  const tls = async (url: string, env = {}): Promise<unknown> => (await resolveAddress(url, { env })).tls;

  test('is off on loopback and sockets, and verifies fully elsewhere', async () => {
    for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '[::1]'])
      expect(await tls(`postgresql://${host}/db`)).toBe(false);
    expect(await tls('postgresql:///db?host=/run/postgresql')).toBe(false);
    for (const host of ['db.example.com', '10.0.0.1', 'localhost.example.com', '127.0.0.1.example.com'])
      expect(await tls(`postgresql://${host}/db`)).toEqual({ rejectUnauthorized: true });
    expect(isLoopback('127.example.com')).toBe(false);
  });

  test('follows sslmode, from the URL before the environment', async () => {
    expect(await tls('postgresql://h/db?sslmode=disable')).toBe(false);
    expect(await tls('postgresql://h/db?sslmode=require')).toEqual({ rejectUnauthorized: false });
    expect(await tls('postgresql://localhost/db?sslmode=verify-full')).toEqual({ rejectUnauthorized: true });
    expect(await tls('postgresql://h/db', { PGSSLMODE: 'disable' })).toBe(false);
    expect(await tls('postgresql://h/db?sslmode=verify-full', { PGSSLMODE: 'disable' })).not.toBe(false);
  });

  test('takes the authority from sslrootcert', async () => {
    const file = join(directory, 'ca.pem');
    await writeFile(file, 'PEM');
    expect(await tls(`postgresql://h/db?sslrootcert=${encodeURIComponent(file)}`)).toEqual({
      rejectUnauthorized: true,
      ca: 'PEM',
    });
  });
});

test('parts of the URL may be missing or escaped', async () => {
  const env = { PGUSER: 'me', PGHOST: 'localhost', PGPORT: '6000' };
  expect(await resolveAddress('postgresql://', { env })).toMatchObject({
    host: 'localhost',
    port: 6000,
    user: 'me',
    database: 'me',
  });
  expect(await resolveAddress('postgres://a%40b:p%2Fw@[::1]:7/d%20w?application_name=x')).toMatchObject({
    host: '::1',
    port: 7,
    user: 'a@b',
    password: 'p/w',
    database: 'd w',
    applicationName: 'x',
    shown: 'postgres://a%40b:***@[::1]:7/d%20w?application_name=x',
  });
});

test('two warehouses of one segments folder: the second works without the file of the mirror', async () => {
  const own = { ...options(), mirror: 'file' as const };
  const first = await openWarehouse(inject('postgresUrl'), own);
  const second = await openWarehouse(inject('postgresUrl'), own);
  expect(first.compute.path).toBe(join(directory, 'segments', 'mirror.duckdb'));
  expect(second.compute.path).toBe(':memory:');
  await first.close();
  await second.close();
});
