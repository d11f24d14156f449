import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ingest } from '../../src/ingest/ingest.ts';
import { collectOrphans } from '../../src/ingest/orphans.ts';
import { SpoolWriter } from '../../src/ingest/scan/spool-writer.ts';
import { read } from '../../src/pipeline/column.ts';
import { type Staging, staging } from '../../src/pipeline/tables.ts';
import { folderSegments } from '../../src/segments/folder.ts';
import { type Bench, filesBelow, ingestAll, localSource, openBench, put } from './ingest-files.ts';

const doc = 'test';
const numbers: Staging = staging('numbers', {
  doc,
  root: '/nowhere',
  key: ['a'],
  eventTime: 'a',
  columns: { a: read.integer({ required: true, doc }), b: read.text({ doc }) },
});
const lines = (from: number, count: number, bytes = 10) =>
  Array.from({ length: count }, (_, i) => `{"a":${from + i},"b":"${'x'.repeat(bytes)}"}\n`).join('');

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

describe('segments', () => {
  it.each([0, 2])('hold the objects in order, whole, with %d threads', async (workers) => {
    const objects = [];
    let from = 0;
    for (let o = 0; o < 30; o++) {
      // Large and small, clean and not, plain and compressed ones alternate.
      const large = o % 3 === 0;
      const text = lines(from, large ? 3000 : 50, large ? 400 : 5);
      const content = o % 7 === 3 ? gzipSync(text) : o % 6 === 0 && large ? `bad\n${text}` : text;
      objects.push(put(bench, `o [${o}] 'q"*?.json`, content));
      from += large ? 3000 : 50;
    }
    const result = await ingestAll(bench, { staging: numbers, objects, workers, chunkBytes: 4_000_000 });
    expect(result.segments.length).toBeGreaterThan(2);
    expect(result.objects.map((o) => o.uri)).toEqual(objects.map((o) => o.uri));
    expect(result.rows.map((r) => r.a)).toEqual(Array.from({ length: from }, (_, i) => i));
    for (const { path, rows, objects: own, sizeBytes } of result.segments) {
      expect(rows).toBe(own.reduce((sum, o) => sum + o.staged, 0));
      let row = 0;
      for (const o of own) {
        expect(o.firstRow).toBe(row);
        row += o.staged;
      }
      expect(readFileSync(join(bench.segments, path)).length).toBe(sizeBytes);
    }
    for (const [i, o] of result.objects.entries()) {
      const content = readFileSync(join(bench.directory, 'in', objects[i]!.key));
      expect(o.version).toBe(`sha256:${createHash('sha256').update(content).digest('hex')}`);
      expect(o.sizeBytes).toBe(content.length);
      expect(o.mtimeMs).toBe(Math.trunc(objects[i]!.mtimeMs!));
    }
    expect(filesBelow(bench.segments)).toEqual(result.segments.map((s) => s.path).sort());
  });

  it('are written for objects without a record too', async () => {
    const objects = [put(bench, 'a.json', ''), put(bench, 'b.json', 'bad\n')];
    const result = await ingestAll(bench, { staging: numbers, objects });
    expect(result.segments).toHaveLength(1);
    expect(result.segments[0]).toMatchObject({ rows: 0, objects: [{ read: 0 }, { read: 1, quarantined: 1 }] });
    expect(result.rows).toEqual([]);
  });

  it('come from nothing when there is no object', async () => {
    expect(await ingestAll(bench, { staging: numbers, objects: [] })).toMatchObject({ segments: [], unchanged: [] });
  });

  it('read objects out of packed files at their given version, and clear the packs', async () => {
    const contents = ['{"a":1}', '{"a":2}\nbad', '{"a":3}\n'];
    const objects = contents.map((c, i) => ({
      uri: `s3://b/${i}`,
      key: `${i}`,
      sizeBytes: c.length,
      version: `v${i}`,
    }));
    const base = localSource(bench);
    const source = {
      ...base,
      fetch: async function* (_: unknown, { directory }: { directory: string }) {
        const path = join(directory, 'pack');
        writeFileSync(path, contents.join(''));
        let offset = 0;
        for (const [i, object] of objects.entries()) {
          const lengthBytes = contents[i]!.length;
          yield [{ object, path, offset, lengthBytes, version: object.version }];
          offset += lengthBytes;
        }
      },
    };
    const result = await ingestAll(bench, { staging: numbers, objects, source, chunkBytes: 10 });
    expect(result.rows.map((r) => r.a)).toEqual([1, 2, 3]);
    expect(result.objects.map((o) => o.version)).toEqual(['v0', 'v1', 'v2']);
    expect(filesBelow(bench.segments)).toEqual(result.segments.map((s) => s.path).sort());
  });
});

describe('objects', () => {
  it('that are known at this version are reported and not staged', async () => {
    const objects = [0, 1, 2, 3].map((i) => put(bench, `${i}.json`, lines(i * 10, 10)));
    const first = await ingestAll(bench, { staging: numbers, objects });
    const known = new Set([first.objects[1]!.version, first.objects[3]!.version]);
    const again = await ingestAll(bench, { staging: numbers, objects, isKnown: (_, v) => known.has(v) });
    expect(again.unchanged.map((u) => u.uri)).toEqual([objects[1]!.uri, objects[3]!.uri]);
    expect(again.objects.map((o) => o.uri)).toEqual([objects[0]!.uri, objects[2]!.uri]);
    expect(again.rows.map((r) => r.a)).toEqual([...Array(10).keys(), ...[...Array(10).keys()].map((i) => i + 20)]);
    const all = await ingestAll(bench, { staging: numbers, objects, isKnown: () => true });
    expect([all.segments, all.unchanged.length]).toEqual([[], 4]);
  });

  it('that cannot be read are an error that names them, and leave nothing behind', async () => {
    const gone = { ...put(bench, 'x.json', ''), key: 'gone.json', uri: 'file:///gone.json' };
    for (const workers of [0, 1]) {
      await expect(ingestAll(bench, { staging: numbers, objects: [gone], workers })).rejects.toMatchObject({
        code: 'SOURCE_CHANGED',
        params: { object: 'file:///gone.json', detail: 'it is gone since it was listed' },
      });
    }
    expect(filesBelow(bench.segments)).toEqual([]);
  });

  it('that change after they were read are staged as they were read', async () => {
    const text = lines(0, 5000, 400);
    const object = put(bench, 'grows.json', text);
    const path = join(bench.directory, 'in', object.key);
    const failpoints = { hit: (name: string) => name === 'segment.before' && appendFileSync(path, '{"a":77}\n') };
    const result = await ingestAll(bench, { staging: numbers, objects: [object], failpoints: failpoints as never });
    expect(result.rows).toHaveLength(5000);
    const version = createHash('sha256').update(text).digest('hex');
    expect(result.objects[0]).toMatchObject({ version: `sha256:${version}`, staged: 5000, sizeBytes: text.length });
  });
});

describe('a run that ends early', () => {
  it('by its signal leaves whole segments and nothing else', async () => {
    const objects = Array.from({ length: 8 }, (_, i) => put(bench, `${i}.json`, lines(i * 3000, 3000, 400)));
    const abort = new AbortController();
    const base = { source: localSource(bench), segments: folderSegments(bench.segments), session: bench.session };
    const generator = ingest({
      ...base,
      staging: numbers,
      objects,
      isKnown: () => false,
      chunkBytes: 1_000_000,
      workers: 1,
      signal: abort.signal,
    });
    const first = await generator.next();
    abort.abort(new Error('enough'));
    await expect(generator.next()).rejects.toThrow('enough');
    expect(filesBelow(bench.segments)).toContain((first.value as { path: string }).path);
    expect(filesBelow(bench.segments).filter((f) => !f.endsWith('.parquet'))).toEqual([]);
  });

  it('by its reader leaves whole segments and nothing else', async () => {
    const objects = Array.from({ length: 4 }, (_, i) => put(bench, `${i}.json`, lines(i * 3000, 3000, 400)));
    const base = { source: localSource(bench), segments: folderSegments(bench.segments), session: bench.session };
    const generator = ingest({ ...base, staging: numbers, objects, isKnown: () => false, chunkBytes: 1_000_000 });
    for await (const segment of generator) {
      expect(segment.rows).toBe(3000);
      break;
    }
    expect(filesBelow(bench.segments)).toHaveLength(1);
  });

  it.each([0, 1])('while the next objects are still being fetched does not hang, with %d threads', async (workers) => {
    const objects = [0, 1].map((i) => put(bench, `${i}.json`, lines(i * 10, 10)));
    const base = localSource(bench);
    let release = () => {};
    const later = new Promise<void>((resolve) => {
      release = resolve;
    });
    const source = {
      ...base,
      fetch: async function* (all: typeof objects, options: { directory: string }) {
        yield* base.fetch(all.slice(0, 1), options);
        await later;
        yield* base.fetch(all.slice(1), options);
      },
    } as typeof base;
    const request = { source, segments: folderSegments(bench.segments), session: bench.session, isKnown: () => false };
    const generator = ingest({ ...request, staging: numbers, objects, chunkBytes: 1, workers });
    await generator.next();
    const ended = generator.return({ unchanged: [] });
    release();
    await ended;
    expect(filesBelow(bench.segments)).toHaveLength(1);
  });

  it('by death leaves orphans, which are collected by name', async () => {
    const kept = (await ingestAll(bench, { staging: numbers, objects: [put(bench, 'a.json', lines(0, 9))] })).segments;
    const orphans = ['numbers/x.parquet', 'numbers/y.parquet.tmp', 'spool/dead/0/0.rows'];
    for (const path of [...orphans, 'numbers/notes.txt']) {
      mkdirSync(join(bench.segments, path, '..'), { recursive: true });
      writeFileSync(join(bench.segments, path), '');
    }
    const removed = await collectOrphans(bench.segments, new Set(kept.map((s) => s.path)));
    expect(removed).toEqual(['numbers/x.parquet', 'numbers/y.parquet.tmp', 'spool/dead']);
    expect(filesBelow(bench.segments)).toEqual([kept[0]!.path, 'numbers/notes.txt'].sort());
    expect(await collectOrphans(join(bench.directory, 'nowhere'), new Set())).toEqual([]);
  });
});

describe('the disk', () => {
  it('that is too small is found before anything is read', async () => {
    const object = put(bench, 'a.json', lines(0, 1000, 1000));
    const request = { staging: numbers, objects: [object], freeBytes: async () => 1_000_000 };
    await expect(ingestAll(bench, request)).rejects.toMatchObject({
      code: 'DISK_FULL_AHEAD',
      params: { directory: bench.segments, freeBytes: 1_000_000 },
      message: expect.stringMatching(/1 MB are missing/),
    });
    expect(filesBelow(bench.segments)).toEqual([]);
  });

  it('that fills while spooling is a clear error', () => {
    expect(existsSync('/dev/full')).toBe(true);
    const writer = new SpoolWriter('/dev/full');
    expect(() => writer.write(Buffer.from('row group'))).toThrow(expect.objectContaining({ code: 'DISK_FULL' }));
    writer.close();
  });

  it('that fills while a segment is written leaves no part of it', async () => {
    const object = put(bench, 'a.json', lines(0, 10));
    const newId = () => 'id';
    const unfinished = join(bench.segments, 'numbers', 'id.parquet.tmp');
    const failpoints = { hit: (name: string) => name === 'segment.before' && symlinkSync('/dev/full', unfinished) };
    await expect(
      ingestAll(bench, { staging: numbers, objects: [object], newId, failpoints: failpoints as never }),
    ).rejects.toMatchObject({ code: 'DISK_FULL', params: { what: expect.stringContaining('numbers/id.parquet') } });
    expect(filesBelow(bench.segments)).toEqual([]);
    expect(readdirSync(join(bench.segments, 'numbers'))).toEqual([]);
  });
});

it('refuses a segment in which the engine reads another number of records, and names the objects', async () => {
  const objects = ['a', 'b', 'c'].map((n) => put(bench, `${n}.json`, lines(0, 3000, 400)));
  const session = Object.create(bench.session) as typeof bench.session;
  session.all = async (sql, ...rest) =>
    bench.session.all(sql.replace(/from (read_parquet\(.*\))/u, 'from (from $1 limit 8999)'), ...rest);
  await expect(ingestAll(bench, { staging: numbers, objects, session })).rejects.toMatchObject({
    code: 'INGEST_MISMATCH',
    params: { object: `${objects[0]!.uri} … ${objects[2]!.uri}`, expected: 9000, found: 8999 },
  });
  expect(filesBelow(bench.segments)).toEqual([]);
});

describe('a jsonpaths file', () => {
  const paths = (...list: unknown[]) => JSON.stringify({ jsonpaths: list });
  const withPaths = (text: string) => {
    const file = join(bench.directory, 'paths.json');
    writeFileSync(file, text);
    return { ...numbers, jsonPaths: file };
  };

  it('renames fields by position', async () => {
    const object = put(bench, 'a.json', '{"num":1,"txt":"x","more":0}\n{"txt":"y","num":2,"a":9}\n');
    const result = await ingestAll(bench, { staging: withPaths(paths("$['num']", '$.txt')), objects: [object] });
    expect(result.rows).toEqual([
      { a: 1, b: 'x' },
      { a: 2, b: 'y' },
    ]);
    expect(result.objects[0]!.drift.unknown).toEqual({ more: 1, a: 1 });
  });

  it('leads into objects and arrays, with the same judgement', async () => {
    const text = [
      '{"p":{"n":1},"q":[{"t":"x"}]}',
      '{"p":{"n":1.5},"q":[]}',
      '{"p":{},"q":[]}',
      '{"p":{"n":1,"n":2}}',
      '{"p":{"n":4},"q":[1,2]}',
      '{"p":{"n":5},"q":[ {"z":0} , {"t":"no"} ]}',
    ].join('\n');
    const object = put(bench, 'a.json', text);
    const result = await ingestAll(bench, { staging: withPaths(paths('$.p.n', "$['q'][0]['t']")), objects: [object] });
    expect(result.rows).toEqual([
      { a: 1, b: 'x' },
      { a: 4, b: null },
      { a: 5, b: null },
    ]);
    expect(result.quarantined.map((q) => [q.line, q.reason, q.column])).toEqual([
      [2, 'wrong_type', 'a'],
      [3, 'missing_field', 'a'],
      [4, 'duplicate_field', undefined],
    ]);
  });

  it.each([
    ['that is missing', undefined],
    ['that is no JSON', '{'],
    ['without the array', '{}'],
    ['with too few paths', paths('$.a')],
    ['with a path that is no path', paths('$.a', 'b')],
    ['with a wildcard', paths('$.a', '$[*]')],
    ['with a path to everything', paths('$.a', '$')],
  ])('%s is an error that names it', async (_, text) => {
    const object = put(bench, 'a.json', '{"a":1}\n');
    const broken = text === undefined ? { ...numbers, jsonPaths: '/nowhere/paths.json' } : withPaths(text);
    await expect(ingestAll(bench, { staging: broken, objects: [object] })).rejects.toMatchObject({
      code: 'JSONPATHS_INVALID',
      params: { file: broken.jsonPaths },
    });
  });
});
