import { expect, it } from 'vitest';
import { chunksOf } from '../../src/ingest/chunks.ts';
import type { FetchedObject } from '../../src/sources/source.ts';

const MB = 1024 * 1024;

async function chunked(sizes: readonly number[], chunkBytes: number): Promise<readonly (readonly number[])[]> {
  const batch = sizes.map((lengthBytes, i): FetchedObject => {
    const object = { uri: `file:///${i}`, key: String(i), sizeBytes: lengthBytes };
    return { object, path: `/${i}`, offset: 0, lengthBytes };
  });
  const chunks: (readonly number[])[] = [];
  let next = 0;
  for await (const { parts, objects, sizeBytes } of chunksOf(once(batch), chunkBytes)) {
    const bytes = parts.map((part) => part.reduce((sum, o) => sum + o.lengthBytes, 0));
    expect(parts.reduce((sum, part) => sum + part.length, 0)).toBe(objects);
    expect(bytes.reduce((sum, n) => sum + n, 0)).toBe(sizeBytes);
    // In order, each object once.
    for (const { object } of parts.flat()) expect(object.key).toBe(String(next++));
    chunks.push(bytes);
  }
  expect(next).toBe(sizes.length);
  return chunks;
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}

it('a full chunk is four parts, and so is the rest of the input: no thread waits for another one at the end', async () => {
  const sizes = new Array<number>(220).fill(MB);
  expect(await chunked(sizes, 128 * MB)).toEqual([
    [32, 32, 32, 32].map((n) => n * MB),
    [23, 23, 23, 23].map((n) => n * MB),
  ]);
});

it('little is not cut into parts that are not worth a thread', async () => {
  expect(await chunked([MB, MB, MB], 128 * MB)).toEqual([[3 * MB]]);
  expect(await chunked(new Array<number>(9).fill(MB), 128 * MB)).toEqual([[4 * MB, 4 * MB, MB]]);
});

it('one large object is one part, and small ones are cut by their number', async () => {
  expect(await chunked([500 * MB, MB], 128 * MB)).toEqual([[500 * MB], [MB]]);
  const many = await chunked(new Array<number>(50_000).fill(100), 128 * MB);
  expect(many).toEqual([[800_000, 800_000, 800_000], [800_000, 800_000, 800_000], [200_000]]);
});
