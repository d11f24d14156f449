import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as tick } from 'node:timers/promises';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { openStore } from '../../../src/orchestrator/store/open-store.ts';
import { mayMount, smallFileSystem } from '../../faults/full-disk.ts';
import { eachStore } from '../stores.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sparkify-store-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

eachStore((_, open) => {
  test('what was written is there after it was closed and opened again', async () => {
    const { store, another } = await open();
    await store.write(async (tx) => void (await tx.run(`insert into cursors values ('a', 5)`)));
    await store.close();
    const again = await another();
    expect(await again.db.selectFrom('cursors').selectAll().execute()).toEqual([{ name: 'a', seq: 5 }]);
  });

  test('a store of a newer version is refused, and left as it is', async () => {
    const { store, url } = await open();
    await store.write(async (tx) => void (await tx.run('insert into migrations values (1000, 1)')));
    await expect(openStore(url)).rejects.toMatchObject({
      code: 'STORE_NEWER',
      message: expect.stringContaining('format 1000'),
      remedy: expect.stringContaining('newer sparkify'),
    });
    await store.write(async (tx) => void (await tx.run('delete from migrations where version = 1000')));
    await (await openStore(url)).close();
  });

  test('its URL is shown without a password', async () => {
    const { store } = await open();
    expect(store.url).not.toContain(new URL(inject('postgresUrl')).password);
    expect(store.url).toMatch(/^sqlite:\/|^postgresql:\/\/.*schema=/);
  });
});

test('while another process makes the file, it waits', async () => {
  const path = join(folder, 'store.db');
  writeFileSync(path, '');
  // In a process of its own: opening a file holds this one up. What it holds is what SQLite does not wait for by itself.
  const held = `const db = new (require('libsql'))(process.argv[1]); db.exec('begin immediate'); console.log('held');
setTimeout(() => { db.exec('rollback'); db.close(); }, 500);`;
  const holder = spawn(process.execPath, ['-e', held, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(holder, 'exit');
  await once(holder.stdout, 'data');
  const store = await openStore(`sqlite:${path}`);
  expect(await store.db.selectFrom('cursors').selectAll().execute()).toEqual([]);
  await store.close();
  expect(await ended).toEqual([0, null]);
});

describe('a URL', () => {
  test.each([
    ['store.db', 'it has no scheme'],
    ['mysql://host/db', '"mysql:" is no engine'],
    ['sqlite:', 'the path is missing'],
    ['sqlite::memory:', 'must outlive its process'],
    ['sqlite:a\0b', 'NUL'],
    ['postgresql:/host', 'after the scheme comes //'],
    ['postgresql://host:0/db', '"0" is no port'],
    ['postgresql://host/db?sslmode=prefer&schema=a', 'sslmode=prefer'],
    ['postgresql://host/db?shema=a', 'there is no parameter "shema"'],
    ['postgresql://host/db?schema=a"b', 'is no name for a schema'],
    ['postgresql://host/db?schema=', 'is no name for a schema'],
    ['postgresql://host/db?schema=pg_x', 'is no name for a schema'],
  ])('%s is refused: %s', async (url, detail) => {
    await expect(openStore(url)).rejects.toMatchObject({
      code: 'STORE_URL_INVALID',
      message: expect.stringContaining(detail),
      remedy: expect.stringContaining('sqlite:PATH'),
    });
  });

  test('a wrong one does not show its password', async () => {
    const error = await openStore('postgresql://me:secret@host/db?schema=A').catch((e: Error) => e);
    expect(String(error)).not.toContain('secret');
  });

  test('of a file is relative to the folder given', async () => {
    const store = await openStore('sqlite:.sparkify/store.db', { cwd: folder });
    await store.close();
    expect(store.url).toBe(`sqlite:${join(folder, '.sparkify', 'store.db')}`);
    expect(statSync(join(folder, '.sparkify', 'store.db')).mode & 0o777).toBe(0o600);
  });
});

describe('a file', () => {
  const path = (): string => join(folder, 'store.db');
  const opening = (at = path()): Promise<unknown> => openStore(`sqlite:${at}`);

  test('in a folder of a folder that is not there', async () => {
    await expect(opening(join(folder, 'a', 'b', 'store.db'))).rejects.toMatchObject({
      code: 'STORE_OPEN_FAILED',
      message: expect.stringContaining(`the folder ${join(folder, 'a')} is not there`),
    });
  });

  test('that is a folder', async () => {
    mkdirSync(path());
    await expect(opening()).rejects.toMatchObject({
      code: 'STORE_OPEN_FAILED',
      message: expect.stringContaining('it is a folder'),
    });
  });

  test('in something that is no folder', async () => {
    writeFileSync(path(), '');
    for (const at of [join(path(), 'store.db'), join(path(), 'a', 'store.db')])
      await expect(opening(at)).rejects.toMatchObject({
        code: 'STORE_OPEN_FAILED',
        message: expect.stringContaining('no folder'),
      });
  });

  test('without permission', async () => {
    // Even root may not make files there.
    const forbidden = process.getuid?.() === 0 ? '/sys/kernel' : join(folder, 'closed');
    if (!forbidden.startsWith('/sys')) mkdirSync(forbidden, { mode: 0o500 });
    await expect(opening(join(forbidden, 'store.db'))).rejects.toMatchObject({
      code: 'STORE_OPEN_FAILED',
      message: expect.stringMatching(/no permission to write|cannot be written/),
    });
  });

  test('that is something else', async () => {
    writeFileSync(path(), 'artist,song\n'.repeat(1000));
    await expect(opening()).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
      message: expect.stringContaining('not a database'),
      remedy: expect.stringContaining('backup'),
    });
    expect(readFileSync(path(), 'utf8')).toBe('artist,song\n'.repeat(1000));
  });

  test('that is a database of something else, and stays as it is', async () => {
    const other = new Database(path());
    other.exec('create table migrations (id integer)');
    other.close();
    const before = readFileSync(path());
    await expect(opening()).rejects.toMatchObject({
      code: 'STORE_OPEN_FAILED',
      message: expect.stringContaining('not a store of sparkify'),
    });
    expect(readFileSync(path()).equals(before)).toBe(true);
  });

  test('that is empty becomes a store', async () => {
    writeFileSync(path(), '');
    await ((await opening()) as { close(): Promise<void> }).close();
  });

  test.each([
    ['cut short', (at: string) => truncateSync(at, Math.floor(statSync(at).size / 2))],
    [
      'overwritten in the middle',
      (at: string) => {
        const file = openSync(at, 'r+');
        const pages = Buffer.alloc(statSync(at).size - 4096, 0xa5);
        writeSync(file, pages, 0, pages.length, 4096);
        closeSync(file);
      },
    ],
  ])('that was %s', async (_, damage) => {
    await ((await opening()) as { close(): Promise<void> }).close();
    damage(path());
    await expect(opening()).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  });

  test('whose lock is held by a process that stands still is waited for, and then said to be busy', async () => {
    // The wait is not spent inside SQLite: the process goes on with other things.
    const pauses: number[] = [];
    const wait = async (ms: number): Promise<void> => {
      pauses.push(ms);
      await tick();
    };
    const store = await openStore(`sqlite:${path()}`, { busyMs: 200, wait });
    const other = new Database(path());
    other.exec('begin immediate');
    const writing = store.write(async (tx) => void (await tx.run(`insert into cursors values ('a', 1)`)));
    await expect(writing).rejects.toMatchObject({ code: 'STORE_BUSY', retryable: true });
    expect(pauses.length).toBeGreaterThan(5);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(10);
    expect(await store.db.selectFrom('cursors').selectAll().execute()).toEqual([]);
    other.exec('rollback');
    other.close();
    await store.write(async (tx) => void (await tx.run(`insert into cursors values ('a', 1)`)));
    await store.close();
  });

  test.skipIf(!mayMount())('on a full disk keeps what was told, says so, and goes on when there is room', async () => {
    const disk = smallFileSystem();
    try {
      const store = await openStore(`sqlite:${join(disk.directory, 'store.db')}`);
      let told = 0;
      const add = (): Promise<void> =>
        store.write(async (tx) => {
          await tx.run('insert into pools (name, slots, from_config) values ($1, 1, 0)', [
            `${told} ${'x'.repeat(2000)}`,
          ]);
        });
      await add().then(() => told++);
      disk.fill();
      const filling = async (): Promise<void> => {
        for (; told < 10_000; told++) await add();
      };
      await expect(filling()).rejects.toMatchObject({ code: 'DISK_FULL' });
      const count = async (): Promise<number> => (await store.db.selectFrom('pools').select('name').execute()).length;
      expect(await count()).toBe(told);
      disk.makeRoom();
      await add();
      expect(await count()).toBe(told + 1);
      await store.close();
    } finally {
      disk.dispose();
    }
  });

  test('has the settings that its promises rest on', async () => {
    const store = await openStore(`sqlite:${path()}`);
    const settings = await store.write(async (tx) =>
      Promise.all(['journal_mode', 'synchronous', 'foreign_keys'].map((name) => tx.all(`pragma ${name}`))),
    );
    expect(settings).toEqual([[{ journal_mode: 'wal' }], [{ synchronous: 2 }], [{ foreign_keys: 1 }]]);
    await store.close();
  });
});

describe('a server', () => {
  const url = (change: (url: URL) => void): string => {
    const changed = new URL(inject('postgresUrl'));
    change(changed);
    return changed.href;
  };

  test('that is not there', async () => {
    const away = url((u) => {
      u.port = '1';
    });
    await expect(openStore(away, { lostMs: 0 })).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      message: expect.stringContaining('nothing listens on port 1'),
      retryable: true,
    });
  });

  test('that does not let in', async () => {
    const wrong = url((u) => {
      u.password = 'wrong';
    });
    const error = await openStore(wrong).catch((e: Error) => e);
    expect(error).toMatchObject({ code: 'WAREHOUSE_AUTH_FAILED' });
  });

  test('without the database', async () => {
    const missing = url((u) => {
      u.pathname = '/nowhere';
    });
    await expect(openStore(missing)).rejects.toMatchObject({ code: 'WAREHOUSE_DATABASE_MISSING' });
  });
});
