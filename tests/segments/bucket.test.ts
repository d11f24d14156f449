import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { noFailpoints } from '../../src/core/failpoints.ts';
import { type BucketSegmentsOptions, bucketSegments } from '../../src/segments/bucket.ts';
import type { SegmentFile, SegmentStore } from '../../src/segments/store.ts';
import type { S3Settings } from '../../src/sources/index.ts';
import type { S3Server } from '../s3-server/index.ts';
import { impatient } from '../sources/s3-store.ts';
import { startBucket } from './bucket-place.ts';

let server: S3Server;
let s3: S3Settings;
let directory: string;
let prefixes = 0;
let prefix: string;
const opened: SegmentStore[] = [];

beforeAll(async () => {
  ({ server, s3 } = await startBucket());
  directory = mkdtempSync(join(tmpdir(), 'sparkify-bucket-'));
});
beforeEach(() => {
  prefix = `warehouse ${++prefixes}`;
});
afterEach(async () => {
  server.faults.clear();
  for (const store of opened.splice(0)) await store.close();
});
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** The store as a machine sees it. */
function machine(name: string, change: Partial<BucketSegmentsOptions> = {}): SegmentStore {
  const url = `s3://lake/${prefix}`;
  const store = bucketSegments({ url, cache: join(directory, prefix, name), s3, timing: impatient, ...change });
  opened.push(store);
  return store;
}

/** Segments that a machine has written and kept. */
async function keepSome(store: SegmentStore, count: number, bytes = 1000): Promise<readonly SegmentFile[]> {
  const kept: SegmentFile[] = [];
  for (let n = 0; n < count; n++) {
    const path = `visits/staging/${n}.parquet`;
    mkdirSync(dirname(join(store.directory, path)), { recursive: true });
    writeFileSync(join(store.directory, path), randomBytes(bytes));
    kept.push({ path: await store.keep(path, { failpoints: noFailpoints }), sizeBytes: bytes });
  }
  return kept;
}

const filesIn = (store: SegmentStore): readonly string[] =>
  existsSync(join(store.directory, 'visits/staging'))
    ? readdirSync(join(store.directory, 'visits/staging')).sort()
    : [];
const gets = (from = 0): number => server.requests.slice(from).filter((r) => r.operation === 'GetObject').length;

describe('segments in a bucket', () => {
  test('what one machine keeps, another brings once, under a name with its hash', async () => {
    const [a, b] = [machine('a'), machine('b')];
    const kept = await keepSome(a, 5);
    for (const { path } of kept) expect(path).toMatch(/^visits\/staging\/\d-[0-9a-f]{16}\.parquet$/);
    expect(filesIn(a)).toEqual(kept.map((k) => k.path.slice('visits/staging/'.length)));
    const told: string[] = [];
    await b.bring(kept, { onBrought: (done, total) => told.push(`${done}/${total}`) });
    expect(told).toEqual(['0/5', '1/5', '2/5', '3/5', '4/5', '5/5']);
    for (const { path } of kept)
      expect(readFileSync(join(b.directory, path)).equals(readFileSync(join(a.directory, path)))).toBe(true);
    const from = server.requests.length;
    await b.bring([...kept, ...kept]);
    expect(server.requests).toHaveLength(from);
  });

  test('a file that was cut is brought again, and nothing else', async () => {
    const [a, b] = [machine('a'), machine('b')];
    const kept = await keepSome(a, 3);
    await b.bring(kept);
    writeFileSync(join(b.directory, kept[1]!.path), 'half');
    const from = server.requests.length;
    await b.bring(kept);
    expect(gets(from)).toBe(1);
    expect(readFileSync(join(b.directory, kept[1]!.path))).toHaveLength(1000);
  });

  test('what is in the bucket and no longer wanted goes, there and here; a second time is no error', async () => {
    const a = machine('a');
    const kept = await keepSome(a, 5);
    server.bucket('lake').put(`${prefix}/visits/staging/notes.txt`, 'not ours');
    expect([...(await a.kept('visits'))].sort()).toEqual(kept.map((k) => k.path));
    const paths = kept.slice(1).map((k) => k.path);
    await a.remove(paths);
    await a.remove(paths);
    expect(await a.kept('visits')).toEqual([kept[0]!.path]);
    expect(filesIn(a)).toHaveLength(1);
    expect([await a.holds(kept[0]!.path), await a.holds(kept[1]!.path)]).toEqual([true, false]);
  });

  test('any name of a pipeline is a folder of its own', async () => {
    const [a, b] = [machine('a'), machine('b')];
    const home = 'p%2Eq %2F é+&';
    const path = `${home}/staging/0.parquet`;
    mkdirSync(dirname(join(a.directory, path)), { recursive: true });
    writeFileSync(join(a.directory, path), 'content');
    const kept = await a.keep(path, { failpoints: noFailpoints });
    expect(await b.kept(home)).toEqual([kept]);
    await b.bring([{ path: kept, sizeBytes: 7 }]);
    expect(readFileSync(join(b.directory, kept), 'utf8')).toBe('content');
    await b.remove([kept]);
    expect(await a.kept(home)).toEqual([]);
  });

  test('texts beside the segments are the same for all machines', async () => {
    await machine('a').writeTexts([
      { path: 'corrections/p/s/1-abc.json', bytes: Buffer.from('{"a": 1}') },
      { path: 'corrections/p/s/2-abc.json', bytes: Buffer.from('{"b": 2}') },
    ]);
    const text = await machine('b').readText('corrections/p/s/2-abc.json');
    expect(Buffer.from(text!).toString()).toBe('{"b": 2}');
    expect(await machine('b').readText('corrections/p/s/3-abc.json')).toBeUndefined();
  });

  test('belong to the warehouse that came first, which may come again', async () => {
    const owner = (id: string) => async () => ({ id, shown: `postgresql://host/${id}` });
    await machine('a').claim(owner('prod'));
    await machine('b').claim(owner('prod'));
    await expect(machine('c').claim(owner('dev'))).rejects.toMatchObject({
      code: 'SEGMENTS_TAKEN',
      message: `The segments in s3://lake/${prefix} are those of another warehouse: postgresql://host/prod`,
    });
  });

  test('the disk is looked at before anything is brought', async () => {
    const kept = await keepSome(machine('a'), 2);
    const b = machine('b', { freeBytes: async () => 1999 });
    const from = server.requests.length;
    await expect(b.bring(kept)).rejects.toMatchObject({ code: 'DISK_FULL_AHEAD', params: { neededBytes: 2000 } });
    expect(server.requests).toHaveLength(from);
  });
});

describe('what a bucket does wrong', () => {
  test('outages, resets and bodies that were cut are survived, in both directions', async () => {
    const [a, b] = [machine('a'), machine('b')];
    server.faults.add(
      { kind: 'error', status: 503, code: 'SlowDown', operation: 'PutObject', times: 2 },
      { kind: 'reset', operation: 'PutObject', after: 3 },
      { kind: 'reset', operation: 'HeadObject' },
    );
    const kept = await keepSome(a, 6, 50_000);
    server.faults.add(
      { kind: 'error', status: 500, code: 'InternalError', operation: 'GetObject' },
      { kind: 'reset-mid-body', operation: 'GetObject', times: 2 },
      { kind: 'short-body', operation: 'GetObject', after: 2, times: 2 },
    );
    await b.bring(kept);
    for (const { path } of kept)
      expect(readFileSync(join(b.directory, path)).equals(readFileSync(join(a.directory, path)))).toBe(true);
    expect(filesIn(b)).toHaveLength(6);
  });

  test('a clock that is off is corrected by that of the server', async () => {
    const timing = { ...impatient, nowMs: () => Date.now() - 3_600_000 };
    const kept = await keepSome(machine('a', { timing }), 1);
    await machine('b', { timing }).bring(kept);
  });

  test('what came before a failure stays, and the next time brings the rest', async () => {
    const [a, b] = [machine('a'), machine('b')];
    const kept = await keepSome(a, 6);
    const broken = { kind: 'error', status: 503, code: 'SlowDown', operation: 'GetObject', times: 1000 } as const;
    server.faults.add({ ...broken, key: `${prefix}/${kept[5]!.path}` });
    const failing = b.bring(kept);
    await expect(failing).rejects.toMatchObject({ code: 'SEGMENTS_UNREACHABLE', retryable: true });
    const there = filesIn(b).length;
    expect(filesIn(b).filter((f) => f.endsWith('.tmp'))).toEqual([]);
    server.faults.clear();
    const from = server.requests.length;
    await b.bring(kept);
    expect(gets(from)).toBe(6 - there);
    expect(filesIn(b)).toHaveLength(6);
  });

  test('a segment that is gone, or another than was written, is one error that names it', async () => {
    const [a, b] = [machine('a'), machine('b')];
    const kept = await keepSome(a, 2);
    server.bucket('lake').remove(`${prefix}/${kept[0]!.path}`);
    await expect(b.bring([kept[0]!])).rejects.toMatchObject({
      code: 'SEGMENT_LOST',
      message: `The segment ${kept[0]!.path} is not in s3://lake/${prefix}, but the ledger counts on it.`,
    });
    server.bucket('lake').put(`${prefix}/${kept[1]!.path}`, randomBytes(1000));
    await expect(b.bring([kept[1]!])).rejects.toMatchObject({ code: 'SEGMENT_DAMAGED' });
    server.bucket('lake').put(`${prefix}/${kept[1]!.path}`, randomBytes(999));
    await expect(b.bring([kept[1]!])).rejects.toMatchObject({
      code: 'SEGMENT_DAMAGED',
      message: expect.stringContaining('999 bytes instead of 1000'),
    });
    expect(filesIn(b)).toEqual([]);
    // The machine that wrote them has them still.
    await a.bring(kept);
  });

  test('an abandoned wait ends at once and leaves no half file', async () => {
    const [a, b] = [machine('a'), machine('b')];
    const kept = await keepSome(a, 3);
    server.faults.add({ kind: 'stalled-body', operation: 'GetObject', times: 3 });
    const abandon = new AbortController();
    const from = server.requests.length;
    const bringing = b.bring(kept, { signal: abandon.signal });
    const failure = expect(bringing).rejects.toBe('enough');
    while (gets(from) === 0) await nextTurn();
    abandon.abort('enough');
    await failure;
    expect(filesIn(b)).toEqual([]);
  });
});

describe('the look at the start', () => {
  test('leaves nothing but the name of the store, which is the same for all', async () => {
    const ids = await Promise.all(['a', 'b', 'c'].map((name) => machine(name).check()));
    expect(new Set(ids).size).toBe(1);
    expect(await machine('d').check()).toBe(ids[0]);
    const keys = server.bucket('lake').versions(`${prefix}/`);
    expect(keys.map((v) => v.key)).toEqual([`${prefix}/segments.id`]);
  });

  test.each([
    ['a bucket that is not there', { url: 's3://nobody/segments' }, 'no such bucket'],
    ['a bucket that lets nobody in', { url: 's3://closed/segments' }, 'it may not be written'],
    ['a secret key of another', { s3: { secretAccessKey: 'another-secret' } }, 'does not belong to the access key'],
    ['a URL that is none', { url: 's3:/lake' }, 'two slashes'],
  ] as const)(
    '%s is one error with its fix',
    async (_, { s3: keys, ...change }: { s3?: S3Settings; url?: string }, detail) => {
      const refused = machine('a', { ...change, s3: { ...s3, ...keys } }).check();
      await expect(refused).rejects.toMatchObject({
        code: 'SEGMENTS_REFUSED',
        message: expect.stringContaining(detail),
        remedy: expect.stringMatching(/\w/),
        retryable: false,
      });
      await refused.catch((error: Error) => expect(JSON.stringify(error)).not.toContain('another-secret'));
    },
  );

  test('a server that is away is worth another try, and may be there the next time', async () => {
    const away = machine('a', { s3: { ...s3, endpoint: 'http://127.0.0.1:1' } });
    await expect(away.check()).rejects.toMatchObject({ code: 'SEGMENTS_UNREACHABLE', retryable: true });
    const store = machine('b');
    server.faults.add({ kind: 'error', status: 503, code: 'SlowDown', operation: 'PutObject', times: 8 });
    await expect(store.check()).rejects.toMatchObject({ code: 'SEGMENTS_UNREACHABLE' });
    await store.check();
  });
});
