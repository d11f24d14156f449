import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { exponential } from '../../src/simulator/distributions.ts';
import { exp, ln, sineOfTurns } from '../../src/simulator/exact-math.ts';
import { simulate } from '../../src/simulator/index.ts';
import { RandomStream } from '../../src/simulator/random.ts';
import { memorySink, simulated } from './memory-sink.ts';

const OPTIONS = { seed: 2018, users: 50, songs: 200, from: '2018-11-01', to: '2018-11-11' };

/** One hash of all keys and bytes. */
function digest(files: ReadonlyMap<string, Buffer>, wanted: (key: string) => boolean = () => true): string {
  const hash = createHash('sha256');
  for (const [key, content] of [...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    if (wanted(key)) hash.update(`${key}\0${content.length}\0`).update(content);
  return hash.digest('hex');
}

describe('a seed', () => {
  // These hashes may change only together with a reason in the history: every user of a seed sees other data then.
  test('gives these bytes on every machine', async () => {
    const { files } = await simulated(OPTIONS);
    expect(digest(files)).toBe('82af47d7c9e2fa7d78a1e961f5bacd409e885e6fbfd34c8532c8416afb7ce65a');
  });

  test('gives these bytes with defects on every machine', async () => {
    const { files } = await simulated({ ...OPTIONS, defects: 'all' });
    expect(digest(files)).toBe('f64613977bac8d8a7fa334de14d64090cbf26ab2ced67dbe32d1dbb59fa12540');
  });

  test('gives other data than another seed', async () => {
    const one = await simulated(OPTIONS);
    const other = await simulated({ ...OPTIONS, seed: 2019 });
    expect(digest(one.files, (k) => k.startsWith('log_data'))).not.toBe(
      digest(other.files, (k) => k.startsWith('log_data')),
    );
    expect(digest(one.files, (k) => k.startsWith('song_data'))).not.toBe(
      digest(other.files, (k) => k.startsWith('song_data')),
    );
  });

  test('does not depend on how fast the sink is', async () => {
    const slow = memorySink();
    await simulate(OPTIONS, {
      write: async (key, content) => {
        const bytes = Buffer.from(content);
        for (let i = 0; i < key.length % 7; i++) await Promise.resolve();
        await slow.write(key, bytes);
      },
    });
    expect(digest(slow.files)).toBe(digest((await simulated(OPTIONS)).files));
  });

  test('gives a longer month that begins with the shorter one', async () => {
    const short = await simulated(OPTIONS);
    const long = await simulated({ ...OPTIONS, to: '2018-11-15', config: { growth: 0 } });
    const same = await simulated({ ...OPTIONS, config: { growth: 0 } });
    const logs = (key: string) => key.startsWith('log_data') && key < 'log_data/2018/11/2018-11-11';
    expect(digest(long.files, logs)).toBe(digest(same.files, logs));
    expect(short.files.size).toBeGreaterThan(0);
  });

  test('leaves songs and events alone when the truth about plays is not wanted', async () => {
    const data = (key: string) => !key.startsWith('truth-plays/');
    const without = await simulated({ ...OPTIONS, truthPlays: false });
    expect([...without.files.keys()].filter((key) => !data(key))).toEqual([]);
    expect(digest(without.files, data)).toBe(digest((await simulated(OPTIONS)).files, data));
  });
});

describe('numbers', () => {
  test('a stream is xoshiro128** and stays what it is', () => {
    const stream = new RandomStream(42, 'behaviour', 7);
    const draws = Array.from({ length: 4 }, () => stream.next());
    expect(draws).toEqual([3_003_280_937, 4_113_582_767, 4_006_282_652, 3_317_489_689]);
  });

  test('streams of another seed, purpose or index differ', () => {
    const first = (seed: number, purpose: string, index: number) => new RandomStream(seed, purpose, index).next();
    const draws = [first(1, 'a', 0), first(2, 'a', 0), first(1, 'b', 0), first(1, 'a', 1), first(1 + 2 ** 32, 'a', 0)];
    expect(new Set(draws).size).toBe(5);
    const many = new Set(Array.from({ length: 10_000 }, (_, i) => first(1, 'profile', i)));
    expect(many.size).toBeGreaterThan(9_990);
  });

  test('draws are even', () => {
    const stream = new RandomStream(1, 'even');
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[stream.below(10)]!++;
    for (const n of counts) expect(Math.abs(n - 10_000)).toBeLessThan(400);
  });

  test('logarithm, exponential and sine agree with the built-in ones to twelve digits', () => {
    for (const x of [1e-6, 0.01, 0.3, 0.75, 1, 1.5, 2.7, 1000, 1e9]) expect(ln(x)).toBeCloseTo(Math.log(x), 12);
    for (const x of [-20, -3.3, -0.1, 0, 0.7, 5]) expect(exp(x) / Math.exp(x)).toBeCloseTo(1, 11);
    for (const x of [-1.3, 0, 0.1, 0.25, 0.5, 0.77, 3.9])
      expect(sineOfTurns(x)).toBeCloseTo(Math.sin(2 * Math.PI * x), 11);
  });

  test('the exponential table has mean 1', () => {
    const stream = new RandomStream(5, 'mean');
    const table = exponential();
    let sum = 0;
    for (let i = 0; i < 200_000; i++) sum += table.draw(stream);
    expect(sum / 200_000).toBeCloseTo(1, 1);
  });
});
