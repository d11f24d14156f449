import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type FetchedObject,
  openSink,
  openSource,
  type S3Settings,
  type Source,
  type Timing,
} from '../../src/sources/index.ts';
import {
  type BucketOptions,
  type Fault,
  type S3Server,
  type S3ServerOptions,
  startS3Server,
  testCredentials,
} from '../s3-server/index.ts';
import { bytesOf } from './contract.ts';
import { impatient } from './s3-store.ts';

const ALL = { endings: ['.json'] };
const etagOf = (server: S3Server, key: string): string => server.bucket('music').get(key)!.etag;

let server: S3Server;
let directory: string;
let source: Source | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sparkify-faults-'));
});
afterEach(async () => {
  await source?.close();
  source = undefined;
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface Setup extends Omit<S3ServerOptions, 'buckets'> {
  readonly bucket?: BucketOptions;
  readonly settings?: S3Settings;
  readonly timing?: Timing;
}

async function start(setup: Setup = {}): Promise<Source> {
  const {
    bucket = { objects: { 'a.json': 'first', 'b.json': 'second', 'c.json': 'third' } },
    settings,
    timing,
    ...rest
  } = setup;
  server = await startS3Server({ buckets: { music: bucket }, ...rest });
  const s3 = { endpoint: server.endpoint, region: 'us-east-1', ...testCredentials, attempts: 4, ...settings };
  source = await openSource('s3://music', { cwd: '/', s3, timing: timing ?? impatient });
  return source;
}

async function fetchAll(s: Source): Promise<readonly { key: string; text: string; version: string | undefined }[]> {
  const result = [];
  for await (const batch of s.fetch((await s.list(ALL)).objects, { directory })) {
    for (const f of batch as readonly FetchedObject[]) {
      result.push({ key: f.object.key, text: (await bytesOf(f)).toString('utf8'), version: f.version });
    }
  }
  return result;
}

const count = (operation: string, key?: string): number =>
  server.requests.filter((r) => r.operation === operation && (key === undefined || r.key === key)).length;

const WHOLE = ['first', 'second', 'third'];

describe('what fails in passing is repeated', () => {
  const passing: readonly (readonly [string, Fault])[] = [
    ['503 SlowDown', { kind: 'error', status: 503, code: 'SlowDown', times: 3 }],
    ['500 InternalError', { kind: 'error', status: 500, code: 'InternalError' }],
    ['429', { kind: 'error', status: 429, code: 'TooManyRequests', times: 2 }],
    ['a reset before the answer', { kind: 'reset', times: 2 }],
    ['a reset in the middle of the body', { kind: 'reset-mid-body', times: 3 }],
    ['a short body', { kind: 'short-body', times: 2 }],
    ['a slow body', { kind: 'slow-body' }],
  ];
  for (const size of ['small', 'large'] as const) {
    test.each(passing)(`%s of a ${size} object`, async (_name, fault) => {
      const s = await start({ settings: { smallObjectBytes: size === 'small' ? 1000 : 2 } });
      server.faults.add({ ...fault, operation: 'GetObject', key: 'b.json' });
      expect((await fetchAll(s)).map((o) => o.text)).toEqual(WHOLE);
      expect(count('GetObject', 'b.json')).toBe(1 + (fault.kind === 'slow-body' ? 0 : (fault.times ?? 1)));
    });
    test(`a stalled body of a ${size} object`, async () => {
      const s = await start({ settings: { smallObjectBytes: size === 'small' ? 1000 : 2, timeoutMs: 200 } });
      server.faults.add({ kind: 'stalled-body', operation: 'GetObject', key: 'b.json' });
      expect((await fetchAll(s)).map((o) => o.text)).toEqual(WHOLE);
    });
  }

  test.each(passing.slice(0, 4))('%s of any page of a listing', async (_name, fault) => {
    const s = await start({ pageKeys: 1 });
    server.faults.add({ ...fault, operation: 'ListObjectsV2', after: 1 });
    expect((await s.list(ALL)).objects.map((o) => o.key)).toEqual(['a.json', 'b.json', 'c.json']);
  });

  test('with waits that grow, are random and bounded, and never real in a test', async () => {
    const waits: number[] = [];
    const timing = { ...impatient, random: () => 0.5, sleep: async (ms: number) => void waits.push(ms) };
    const s = await start({ timing, settings: { attempts: 12 } });
    server.faults.add({
      kind: 'error',
      status: 503,
      code: 'SlowDown',
      operation: 'GetObject',
      key: 'b.json',
      times: 11,
    });
    await fetchAll(s);
    expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 10_000]);
  });
});

describe('what does not pass', () => {
  test('an object that stays unreadable is one error that names it; no more is asked for than the attempts', async () => {
    const s = await start();
    server.faults.add({
      kind: 'error',
      status: 503,
      code: 'SlowDown',
      operation: 'GetObject',
      key: 'b.json',
      times: 99,
    });
    await expect(fetchAll(s)).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
      message: expect.stringContaining('s3://music/b.json'),
    });
    expect(count('GetObject', 'b.json')).toBe(4);
  });

  test('a body that always ends early never counts as the object', async () => {
    const s = await start();
    server.faults.add({ kind: 'short-body', operation: 'GetObject', key: 'b.json', times: 99 });
    await expect(fetchAll(s)).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
      message: expect.stringContaining('of 6 bytes'),
    });
  });

  test('a listing that fails in the middle is no listing', async () => {
    const s = await start({ pageKeys: 1 });
    server.faults.add({
      kind: 'error',
      status: 500,
      code: 'InternalError',
      operation: 'ListObjectsV2',
      after: 2,
      times: 99,
    });
    await expect(s.list(ALL)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
    server.faults.clear();
    server.faults.add({ kind: 'reset', operation: 'ListObjectsV2', after: 2, times: 99 });
    await expect(s.list(ALL)).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
  });

  test('a refusal is not repeated', async () => {
    const s = await start();
    server.faults.add({
      kind: 'error',
      status: 403,
      code: 'AccessDenied',
      operation: 'GetObject',
      key: 'b.json',
      times: 99,
    });
    await expect(fetchAll(s)).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
      remedy: expect.stringContaining('s3:GetObject'),
    });
    expect(count('GetObject', 'b.json')).toBe(1);
  });
});

describe('an object that changes between listing and reading', () => {
  const change = (content = 'newer and longer'): Fault => ({
    kind: 'change',
    content,
    operation: 'GetObject',
    key: 'b.json',
  });

  test.each([1000, 2])('is read as it is then, and says so (small up to %i bytes)', async (smallObjectBytes) => {
    const s = await start({ settings: { smallObjectBytes } });
    const before = etagOf(server, 'b.json');
    server.faults.add(change());
    const all = await fetchAll(s);
    expect(all.map((o) => o.text)).toEqual(['first', 'newer and longer', 'third']);
    expect(all[1]!.version).toBe(etagOf(server, 'b.json'));
    expect(all[1]!.version).not.toBe(before);
    expect(all[0]!.version).toBe(etagOf(server, 'a.json'));
  });

  test('under the same ETag but with another length is refused', async () => {
    const s = await start();
    server.faults.add({ kind: 'short-body', operation: 'GetObject', key: 'a.json', times: 99 });
    await expect(fetchAll(s)).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' });
  });

  test('at every look is given up', async () => {
    const s = await start();
    const changes = Array.from({ length: 9 }, (_, i) => change(`content ${i}`));
    // Each rule strikes once, at the next look.
    server.faults.add(...changes);
    await expect(fetchAll(s)).rejects.toMatchObject({ code: 'SOURCE_CHANGED', retryable: true });
  });

  test('by being removed is named', async () => {
    const s = await start();
    server.faults.add({ kind: 'remove', operation: 'GetObject', key: 'b.json' });
    await expect(fetchAll(s)).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      message: expect.stringContaining('gone'),
    });
  });

  test('in a bucket with versions is read at the version listed', async () => {
    const s = await start({ bucket: { versioning: true, objects: { 'b.json': 'second' } } });
    server.faults.add(change());
    const [b] = await fetchAll(s);
    expect(b).toMatchObject({ text: 'second', version: 'v000001' });
  });

  test('in a bucket with versions whose version is purged is read at the newest', async () => {
    const s = await start({ bucket: { versioning: true, objects: { 'b.json': 'second' } } });
    const { objects } = await s.list(ALL);
    server.bucket('music').put('b.json', 'third');
    server.bucket('music').removeVersion('b.json', 'v000001');
    for await (const [f] of s.fetch(objects, { directory })) {
      expect((await bytesOf(f!)).toString()).toBe('third');
      expect(f!.version).toBe('v000002');
    }
  });
});

describe('versions', () => {
  test('a delete marker makes an object gone, and its versions stay readable', async () => {
    const s = await start({ bucket: { versioning: true, objects: { 'a.json': 'one', 'b.json': 'two' } }, pageKeys: 1 });
    server.bucket('music').put('a.json', 'one, edited');
    server.bucket('music').remove('b.json');
    const { objects } = await s.list(ALL);
    expect(objects.map((o) => [o.key, o.version])).toEqual([['a.json', 'v000003']]);
    expect(Buffer.from((await s.readVersion('s3://music/b.json', 'v000002'))!).toString()).toBe('two');
    expect(await s.readVersion('s3://music/b.json', 'v999999')).toBeUndefined();
  });

  test('an object written before versioning keeps its ETag as version', async () => {
    const s = await start({ bucket: { objects: { 'a.json': 'one' } } });
    const [before] = (await s.list(ALL)).objects;
    server.bucket('music').versioning = true;
    const [after] = (await s.list(ALL)).objects;
    expect(after).toEqual(before);
    expect(after!.version).toBe(etagOf(server, 'a.json'));
  });

  test.each([
    [403, 'AccessDenied'],
    [501, 'NotImplemented'],
  ])('where they may not be asked for (%i %s), ETags serve', async (status, code) => {
    const s = await start();
    server.faults.add({ kind: 'error', status, code, operation: 'GetBucketVersioning', times: 99 });
    expect((await s.list(ALL)).objects[0]!.version).toBe(etagOf(server, 'a.json'));
  });
});

describe('clocks', () => {
  test.each([2, -2])('%i hours apart are corrected by the server and the work goes on', async (hours) => {
    const s = await start({ nowMs: () => Date.now() + hours * 3_600_000 });
    expect((await fetchAll(s)).map((o) => o.text)).toEqual(WHOLE);
  });
});

describe('one error each, with its cause and its fix', () => {
  const secret = 'wrong+secret/never/shown';
  const failing = async (
    url: string,
    s3: S3Settings,
  ): Promise<{ code: string; message: string; remedy: string; text: string }> => {
    const error: unknown = await openSource(url, {
      cwd: '/',
      s3: { attempts: 2, timeoutMs: 2000, ...s3 },
      timing: impatient,
    })
      .then(async (s) => s.list(ALL).finally(() => s.close()))
      .catch((e: unknown) => e);
    const e = error as Error & { code: string; remedy: string };
    const chain = [e, e.cause, (e.cause as Error | undefined)?.cause].map((x) =>
      x instanceof Error ? `${x.stack}` : '',
    );
    return { code: e.code, message: e.message, remedy: e.remedy, text: `${JSON.stringify(error)} ${chain.join(' ')}` };
  };
  const keys = { region: 'us-east-1', ...testCredentials };

  test('a wrong secret key', async () => {
    await start();
    const e = await failing('s3://music', { endpoint: server.endpoint, ...keys, secretAccessKey: secret });
    expect(e).toMatchObject({ code: 'SOURCE_CREDENTIALS', remedy: expect.stringContaining('secret key') });
    expect(e.message).toContain('SignatureDoesNotMatch');
    expect(e.text).not.toContain(secret);
  });

  test('an unknown access key', async () => {
    await start();
    const e = await failing('s3://music', { endpoint: server.endpoint, ...keys, accessKeyId: 'AKIANOBODY' });
    expect(e).toMatchObject({ code: 'SOURCE_CREDENTIALS', message: expect.stringContaining('access key') });
  });

  test('an expired session', async () => {
    await start();
    server.faults.add({ kind: 'error', status: 400, code: 'ExpiredToken', operation: 'GetBucketVersioning', times: 9 });
    const e = await failing('s3://music', { endpoint: server.endpoint, ...keys });
    expect(e).toMatchObject({ code: 'SOURCE_CREDENTIALS', message: expect.stringContaining('expired') });
  });

  test('another region', async () => {
    await start({ region: 'eu-central-1', settings: { region: 'eu-central-1' } });
    const e = await failing('s3://music', { endpoint: server.endpoint, ...keys });
    expect(e.remedy).toContain('region');
  });

  test('an unknown profile', async () => {
    await start();
    const e = await failing('s3://music', {
      endpoint: server.endpoint,
      region: 'us-east-1',
      profile: 'no-such-profile',
    });
    expect(e).toMatchObject({ code: 'SOURCE_CREDENTIALS', remedy: expect.stringContaining('AWS_ACCESS_KEY_ID') });
  });

  test('a missing bucket', async () => {
    await start();
    const e = await failing('s3://musik/x', { endpoint: server.endpoint, ...keys });
    expect(e).toMatchObject({ code: 'SOURCE_NOT_FOUND', message: expect.stringContaining('s3://musik/ is not there') });
  });

  test('a missing prefix, but not a period without objects', async () => {
    const s = await start({ bucket: { objects: { '2018-11-01.json': '1' } } });
    const e = await failing('s3://music/lgo_data', { endpoint: server.endpoint, ...keys });
    expect(e).toMatchObject({ code: 'SOURCE_NOT_FOUND', message: expect.stringContaining('lgo_data') });
    const interval = { startMs: Date.UTC(2019, 0, 1), endMs: Date.UTC(2019, 0, 2) };
    expect((await s.list({ ...ALL, template: '{yyyy-MM-dd}.json', interval })).objects).toEqual([]);
  });

  test('an empty bucket is an empty listing', async () => {
    const s = await start({ bucket: {} });
    expect((await s.list(ALL)).objects).toEqual([]);
  });

  test('a forbidden bucket', async () => {
    await start({ bucket: { forbidden: true } });
    const e = await failing('s3://music', { endpoint: server.endpoint, ...keys });
    expect(e).toMatchObject({ code: 'SOURCE_ACCESS_DENIED', remedy: expect.stringContaining('s3:ListBucket') });
  });

  test('nothing listening', async () => {
    await start();
    await server.stop();
    const e = await failing('s3://music', { endpoint: server.endpoint, ...keys });
    expect(e).toMatchObject({ code: 'SOURCE_UNREACHABLE', message: expect.stringContaining('nothing listens') });
  });

  test('no such host', async () => {
    await start();
    const e = await failing('s3://music', { endpoint: 'http://no-such-host.invalid', ...keys });
    expect(e).toMatchObject({ code: 'SOURCE_UNREACHABLE', message: expect.stringContaining('no-such-host.invalid') });
  });

  test('https where http is spoken', async () => {
    await start();
    const e = await failing('s3://music', { endpoint: server.endpoint.replace('http:', 'https:'), ...keys });
    expect(e.code).toBe('SOURCE_UNREACHABLE');
  });
});

describe('public buckets', () => {
  test('are read without credentials', async () => {
    const s = await start({
      bucket: { publicRead: true, objects: { 'a b.json': 'open' } },
      credentials: [],
      settings: { anonymous: true },
    });
    expect((await fetchAll(s)).map((o) => o.text)).toEqual(['open']);
  });

  test('others are not', async () => {
    const s = await start({ settings: { anonymous: true } });
    await expect(s.list(ALL)).rejects.toMatchObject({ code: 'SOURCE_ACCESS_DENIED' });
  });
});

describe('temporary credentials', () => {
  test('send and sign their session token', async () => {
    const sessionToken = 'IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQ==';
    const s = await start({ credentials: [{ ...testCredentials, sessionToken }], settings: { sessionToken } });
    expect((await fetchAll(s)).map((o) => o.text)).toEqual(WHOLE);
  });
});

describe('fetching', () => {
  test('that is left early stops asking and writes no more', async () => {
    const objects = Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [`${String(i).padStart(2, '0')}.json`, 'x'.repeat(2_000_000)]),
    );
    const s = await start({ bucket: { objects }, settings: { connections: 4 } });
    for await (const batch of s.fetch((await s.list(ALL)).objects, { directory })) {
      expect(batch.length).toBeLessThan(50);
      break;
    }
    // What was on its way when it was left has come by now.
    await s.list(ALL);
    const asked = count('GetObject');
    const files = readdirSync(directory);
    await s.list(ALL);
    expect(count('GetObject')).toBe(asked);
    expect(readdirSync(directory)).toEqual(files);
    expect(asked).toBeLessThan(50 + 33);
  });

  test('two at once into one folder do not meet', async () => {
    const s = await start();
    const [one, two] = await Promise.all([fetchAll(s), fetchAll(s)]);
    expect(one!.map((o) => o.text)).toEqual(WHOLE);
    expect(two).toEqual(one);
  });
});

describe('writing', () => {
  test('repeats what fails in passing, and what was written reads back', async () => {
    const s = await start({ bucket: {} });
    server.faults.add(
      { kind: 'error', status: 503, code: 'SlowDown', operation: 'PutObject', times: 3 },
      { kind: 'reset', operation: 'PutObject' },
    );
    const s3 = { endpoint: server.endpoint, region: 'us-east-1', ...testCredentials, attempts: 6 };
    const sink = await openSink('s3://music/out', { cwd: '/', s3, timing: impatient });
    expect(sink.root).toBe('s3://music/out/');
    for (let i = 0; i < 100; i++) await sink.write(`a ${i}.json`, Buffer.from(`${i}`));
    await sink.close();
    const all = await fetchAll(s);
    expect(all).toHaveLength(100);
    for (const o of all) expect(o.key).toBe(`out/a ${o.text}.json`);
  });

  test('to a bucket that is not there fails by the time of close', async () => {
    await start();
    const s3 = { endpoint: server.endpoint, region: 'us-east-1', ...testCredentials };
    const sink = await openSink('s3://nobody', { cwd: '/', s3, timing: impatient });
    const writing = (async () => {
      await sink.write('a.json', Buffer.from('1'));
      await sink.close();
    })();
    await expect(writing).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' });
  });
});
