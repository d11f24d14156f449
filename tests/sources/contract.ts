import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseInterval } from '../../src/pipeline/interval.ts';
import {
  contentVersion,
  type FetchedObject,
  openSink,
  openSource,
  type Source,
  type SourceOptions,
} from '../../src/sources/index.ts';
import type { ListOptions } from '../../src/sources/source.ts';

/** A root of its own for one test. */
export interface TestRoot {
  readonly url: string;
  put(key: string, content: string | Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
}

/** A kind of store the contract is run over. */
export interface TestStore {
  readonly options: SourceOptions;
  /** Keys it can hold beyond plain ones. */
  readonly oddKeys: readonly string[];
  /** Does it keep old versions readable? */
  readonly keepsVersions: boolean;
  newRoot(): Promise<TestRoot>;
  stop(): Promise<void>;
}

/** Keys that are awkward in URLs, shells, XML and SQL. */
export const ODD_KEYS: readonly string[] = [
  'it\'s a "quoted" name.json',
  'a b  c.json',
  ' leading and trailing .json',
  'line\nbreak\tand tab.json',
  'plus+per%cent%20&amp;#?query=1;semi:colon@at$.json',
  'back\\slash.json',
  '..dots/a..b/...json',
  'ünï/çødé/音楽/🎵.json',
  "'; drop table songs; --.json",
  '[bracket]{brace}(paren)*!~^`|<x>,=.json',
];

const ALL: ListOptions = { endings: ['.json'] };
const LOGS = '{yyyy}/{MM}/{yyyy-MM-dd}-events.json';

/** What every source promises, over one kind of store. */
export function describeSource(name: string, start: () => Promise<TestStore>): void {
  describe(`a source over ${name}`, () => {
    let store: TestStore;
    let root: TestRoot;
    let directory: string;
    const opened: Source[] = [];

    const source = async (url = root.url): Promise<Source> => {
      const s = await openSource(url, store.options);
      opened.push(s);
      return s;
    };
    const fetchAll = async (
      s: Source,
      options: ListOptions = ALL,
    ): Promise<{ fetched: FetchedObject; text: string }[]> => {
      const { objects } = await s.list(options);
      const result: { fetched: FetchedObject; text: string }[] = [];
      for await (const batch of s.fetch(objects, { directory })) {
        for (const fetched of batch) result.push({ fetched, text: (await bytesOf(fetched)).toString('utf8') });
      }
      return result;
    };

    beforeAll(async () => {
      store = await start();
    });
    afterAll(() => store.stop());
    beforeEach(async () => {
      root = await store.newRoot();
      directory = mkdtempSync(join(tmpdir(), 'sparkify-fetch-'));
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((s) => s.close()));
      rmSync(directory, { recursive: true, force: true });
    });

    test('lists nested objects in byte order of their URIs, with size and below its root', async () => {
      for (const key of ['b.json', 'a/2.json', 'a/10.json', 'a.json', 'B.json', 'ä.json']) await root.put(key, key);
      const s = await source();
      const listing = await s.list(ALL);
      expect(listing.root).toBe(s.root);
      expect(listing.root.endsWith('/')).toBe(true);
      expect(listing.objects.map((o) => o.key)).toEqual([
        'ä.json',
        'B.json',
        'a.json',
        'a/10.json',
        'a/2.json',
        'b.json',
      ]);
      for (const o of listing.objects) {
        expect(o.uri.startsWith(listing.root)).toBe(true);
        expect(decodeURIComponent(o.uri.slice(listing.root.length))).toBe(o.key);
        expect(o.sizeBytes).toBe(Buffer.byteLength(o.key));
      }
      const uris = listing.objects.map((o) => Buffer.from(o.uri));
      expect([...uris].sort(Buffer.compare)).toEqual(uris);
    });

    test('reads objects of any name, each with its own bytes, in the order asked for', async () => {
      for (const key of store.oddKeys) await root.put(key, `content of ${key}`);
      const s = await source();
      const all = await fetchAll(s);
      expect(all.map((a) => a.fetched.object.key).sort()).toEqual([...store.oddKeys].sort());
      for (const { fetched, text } of all) expect(text).toBe(`content of ${fetched.object.key}`);
      const reversed = [...(await s.list(ALL)).objects].reverse();
      const got: string[] = [];
      for await (const batch of s.fetch(reversed, { directory })) got.push(...batch.map((f) => f.object.key));
      expect(got).toEqual(reversed.map((o) => o.key));
    });

    test('reads empty, small, binary and large objects whole', async () => {
      const large = Buffer.alloc(300_000, 'sparkify ');
      const contents: Record<string, Uint8Array> = {
        'empty.json': Buffer.alloc(0),
        'one.json': Buffer.from('{}'),
        'binary.json': Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
        'large.json': large,
        'last.json': Buffer.from('[]'),
      };
      for (const [key, bytes] of Object.entries(contents)) await root.put(key, bytes);
      const s = await source();
      const { objects } = await s.list(ALL);
      const seen: string[] = [];
      for await (const batch of s.fetch(objects, { directory })) {
        for (const f of batch) {
          seen.push(f.object.key);
          expect(Buffer.compare(await bytesOf(f), Buffer.from(contents[f.object.key]!))).toBe(0);
        }
      }
      expect(seen).toHaveLength(5);
    });

    test('fetches many small objects completely, each once', async () => {
      const keys = Array.from({ length: 300 }, (_, i) => `n/${String(i).padStart(4, '0')}.json`);
      const sink = await openSink(root.url, store.options);
      for (const key of keys) await sink.write(key, Buffer.from(`{"key":"${key}"}\n`));
      await sink.close();
      const all = await fetchAll(await source());
      expect(all.map((a) => a.text)).toEqual(keys.map((key) => `{"key":"${key}"}\n`));
    });

    test('takes names by their ending and says what it left out', async () => {
      await root.put('a.json', '1');
      await root.put('b.json.gz', '2');
      await root.put('notes.txt', '3');
      const s = await source();
      expect((await s.list({ endings: ['.json', '.json.gz'] })).objects.map((o) => o.key)).toEqual([
        'a.json',
        'b.json.gz',
      ]);
      const { skipped } = await s.list(ALL);
      expect(skipped.map((x) => x.key)).toEqual(['b.json.gz', 'notes.txt']);
      expect(skipped[0]!.reason).toContain('.json');
    });

    test('with a template and an interval lists exactly the objects of its periods', async () => {
      const days = ['2018-10-31', '2018-11-01', '2018-11-02', '2018-11-30', '2018-12-01'];
      for (const d of days) await root.put(`${d.slice(0, 4)}/${d.slice(5, 7)}/${d}-events.json`, d);
      await root.put('2018/11/2018-11-31-events.json', 'no such day');
      await root.put('2018/11/readme.json', 'no log');
      const s = await source();
      const keysIn = async (text: string): Promise<string[]> => {
        const { objects } = await s.list({ ...ALL, template: LOGS, interval: parseInterval(text) });
        return objects.map((o) => o.key.slice(8, 18));
      };
      expect(await keysIn('2018-11-01')).toEqual(['2018-11-01']);
      expect(await keysIn('2018-10-31T23:00Z/2018-11-01T00:00Z')).toEqual(['2018-10-31']);
      expect(await keysIn('2018-11')).toEqual(['2018-11-01', '2018-11-02', '2018-11-30']);
      expect(await keysIn('2000/2100')).toEqual(days);
      expect(await keysIn('2019')).toEqual([]);
      const { objects, skipped } = await s.list({ ...ALL, template: LOGS });
      expect(objects).toHaveLength(5);
      expect(skipped.map((x) => x.key)).toEqual(['2018/11/2018-11-31-events.json', '2018/11/readme.json']);
      expect(skipped[0]!.reason).toContain('template');
    });

    test('a root named with or without a final slash, or by its own URI, is the same root', async () => {
      await root.put('x/a.json', '1');
      const uri = (await (await source()).list(ALL)).root;
      for (const url of [`${root.url}/`, uri]) {
        expect((await (await source(url)).list(ALL)).objects.map((o) => o.uri)).toEqual([`${uri}x/a.json`]);
      }
      expect((await (await source(`${root.url}/x`)).list(ALL)).objects.map((o) => o.key)).toEqual(['a.json']);
    });

    test('reads a known version again, and says undefined when it is gone', async () => {
      await root.put('a b.json', 'first');
      const s = await source();
      const version = async (): Promise<{ uri: string; version: string }> => {
        const [{ fetched, text }] = (await fetchAll(s)) as [{ fetched: FetchedObject; text: string }];
        return { uri: fetched.object.uri, version: fetched.version ?? contentVersion(Buffer.from(text)) };
      };
      const first = await version();
      expect(Buffer.from((await s.readVersion(first.uri, first.version))!).toString()).toBe('first');
      await root.put('a b.json', 'second');
      const second = await version();
      expect(second.version).not.toBe(first.version);
      expect(Buffer.from((await s.readVersion(second.uri, second.version))!).toString()).toBe('second');
      const old = await s.readVersion(first.uri, first.version);
      expect(old === undefined ? undefined : Buffer.from(old).toString()).toBe(
        store.keepsVersions ? 'first' : undefined,
      );
      await root.remove('a b.json');
      if (!store.keepsVersions) expect(await s.readVersion(second.uri, second.version)).toBeUndefined();
      expect((await s.list(ALL).catch(() => ({ objects: [] }))).objects).toEqual([]);
    });

    test('a removed object is no longer listed, its neighbours are', async () => {
      for (const key of ['a.json', 'b.json', 'c.json']) await root.put(key, key);
      await root.remove('b.json');
      expect((await (await source()).list(ALL)).objects.map((o) => o.key)).toEqual(['a.json', 'c.json']);
    });

    test('the same content has the same version at every look', async () => {
      await root.put('a.json', 'same');
      const s = await source();
      const [one] = (await s.list(ALL)).objects;
      const [two] = (await s.list(ALL)).objects;
      expect(two).toEqual(one);
    });

    test('a folder that is not there is named', async () => {
      await root.put('here/a.json', '1');
      const url = `${root.url}/not-there`;
      const listed = openSource(url, store.options).then(async (s) => s.list(ALL).finally(() => s.close()));
      await expect(listed).rejects.toMatchObject({
        code: 'SOURCE_NOT_FOUND',
        message: expect.stringContaining('not-there'),
      });
    });

    test('an aborted fetch ends with the abort', async () => {
      for (const key of ['a.json', 'b.json']) await root.put(key, key);
      const s = await source();
      const { objects } = await s.list(ALL);
      const fetching = (async () => {
        for await (const _ of s.fetch(objects, { directory, signal: AbortSignal.abort() }))
          throw new Error('it went on');
      })();
      await expect(fetching).rejects.toMatchObject({ name: 'AbortError' });
    });
  });
}

export async function bytesOf(fetched: FetchedObject): Promise<Buffer> {
  const file = await open(fetched.path);
  try {
    const bytes = Buffer.alloc(fetched.lengthBytes);
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, fetched.offset + done);
      if (bytesRead === 0) throw new Error(`${fetched.path} ends early`);
      done += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}
