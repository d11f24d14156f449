import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { read } from '../../src/pipeline/column.ts';
import { staging } from '../../src/pipeline/tables.ts';
import { type Bench, filesBelow, ingestAll, openBench, put } from './ingest-files.ts';

/** What happens between two reads of a file. */
let betweenReads: () => void = () => undefined;
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const readSync = (...args: Parameters<typeof fs.readSync>) => {
    const count = fs.readSync(...args);
    betweenReads();
    return count;
  };
  return { ...fs, default: fs, readSync };
});

const doc = 'test';
const numbers = staging('numbers', {
  doc,
  root: '/nowhere',
  key: ['a'],
  columns: { a: read.integer({ required: true, doc }), b: read.text({ doc }) },
});
const lines = (count: number) =>
  Array.from({ length: count }, (_, i) => `{"a":${i},"b":"${'x'.repeat(400)}"}\n`).join('');

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => {
  betweenReads = () => undefined;
  bench.close();
});

it('is read again, and its neighbours with it, once', async () => {
  const objects = [
    put(bench, 'a.json', '{"a":-1}\n'),
    put(bench, 'b.json', lines(5000)),
    put(bench, 'c.json', '{"a":-2}\n'),
  ];
  const path = join(bench.directory, 'in', 'b.json');
  let reads = 0;
  betweenReads = () => {
    if (reads++ === 2) appendFileSync(path, '{"a":5000}\n');
  };
  const result = await ingestAll(bench, { staging: numbers, objects });
  expect(result.rows.map((r) => r.a)).toEqual([-1, ...Array.from({ length: 5001 }, (_, i) => i), -2]);
  const version = createHash('sha256').update(readFileSync(path)).digest('hex');
  expect(result.objects[1]).toMatchObject({ version: `sha256:${version}`, staged: 5001, firstRow: 1 });
});

it('is an error that names it when it never stops changing, and leaves nothing behind', async () => {
  const object = put(bench, 'grows.json', lines(5000));
  const path = join(bench.directory, 'in', object.key);
  betweenReads = () => appendFileSync(path, '{"a":1}\n');
  await expect(ingestAll(bench, { staging: numbers, objects: [object] })).rejects.toMatchObject({
    code: 'SOURCE_CHANGED',
    params: { object: object.uri },
  });
  expect(filesBelow(bench.segments)).toEqual([]);
});
