import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, openBench } from './ingest-files.ts';
import { type Value, writeParquet } from './parquet-files.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

/** As a session gives values: 64-bit integers as numbers while they are safe. */
const asRead = (value: Value): Value =>
  typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
const readBack = async (path: string): Promise<Value[][]> => {
  const rows = await bench.session.all(`select * from read_parquet('${path}')`);
  return rows.map((row) => Object.values(row) as Value[]);
};

const character = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  fc.constantFrom('"', '\\', '/', '\b', '\f', '\n', '\r', '\t', '\u0001', '\u007f', '\u0080', '\u07ff', '\uffff', '😀'),
);
const text = fc.oneof(
  fc.constantFrom('', 'a', 'ab', 'abc', 'abcd', 'abcde'),
  fc.string({ unit: character, maxLength: 20 }).filter((s) => !s.includes('\0')),
);
const edges = [0n, 1n, -1n, 2n ** 31n, 2n ** 32n, -(2n ** 32n), 2n ** 50n, 2n ** 50n + 1n, 2n ** 53n, 2n ** 53n + 1n];
const integer = fc.oneof(
  fc.integer({ min: -3, max: 3 }).map(BigInt),
  fc.constantFrom(...edges, ...edges.map((e) => -e), 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.integer({ min: 1_540_000_000, max: 1_550_000_000 }).map((n) => BigInt(n) * 1000n),
);
const double = fc.oneof(
  fc.constantFrom(0, -0, 1, 0.1, 1e22, 1e23, 5e-324, -5e-324, 1.7976931348623157e308, 2.2250738585072014e-308),
  fc.integer({ min: -99999, max: 99999 }).map((n) => n / 1000),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const byType = { text, integer, double, boolean: fc.boolean() } as const;
type Type = keyof typeof byType;

describe('a file', () => {
  it('holds any rows of any types exactly and in order', async () => {
    const table = fc
      .array(fc.constantFrom<Type>('text', 'integer', 'double', 'boolean'), { minLength: 1, maxLength: 5 })
      .chain((types) =>
        fc.record({
          types: fc.constant(types),
          // A column of few values, of nulls alone and of none is as likely as any other.
          rows: fc
            .tuple(
              ...types.map((t) =>
                fc.tuple(fc.array(byType[t] as fc.Arbitrary<Value>, { minLength: 1, maxLength: 6 }), fc.nat(4)),
              ),
            )
            .chain((columns) =>
              fc.array(
                fc.tuple(
                  ...columns.map(([few, kind], i) =>
                    kind === 0
                      ? fc.constant<Value>(null)
                      : kind === 1
                        ? fc.constantFrom<Value>(...few)
                        : fc.option(
                            kind === 2 ? fc.constantFrom<Value>(...few) : (byType[types[i]!] as fc.Arbitrary<Value>),
                          ),
                  ),
                ),
                { maxLength: 80 },
              ),
            ),
          groupRows: fc.integer({ min: 1, max: 100 }),
        }),
      );
    await fc.assert(
      fc.asyncProperty(table, async ({ types, rows, groupRows }) => {
        const path = await writeParquet(bench, types, rows as Value[][], groupRows);
        expect(await readBack(path)).toStrictEqual(rows.map((row) => (row as Value[]).map(asRead)));
      }),
      { numRuns: 300 },
    );
  });

  it('without a row has its columns and types', async () => {
    const path = await writeParquet(bench, ['text', 'integer', 'double', 'boolean'], [], 10);
    expect(await readBack(path)).toEqual([]);
    const columns = await bench.session.all(`describe select * from read_parquet('${path}')`);
    expect(columns.map((c) => [c.column_name, c.column_type])).toEqual([
      ['c0', 'VARCHAR'],
      ['c1', 'BIGINT'],
      ['c2', 'DOUBLE'],
      ['c3', 'BOOLEAN'],
    ]);
  });

  it('holds values that are all distinct, all equal, and in dictionaries of every width', async () => {
    const count = 70_000;
    const widths = [1, 2, 3, 5, 9, 17, 200, 256, 257, 5_000, 30_000, count];
    const rows = function* (): Generator<Value[]> {
      for (let i = 0; i < count; i++) yield widths.flatMap((w) => [`t${(i * 7919) % w}`, ((i * 7919) % w) / 8]);
    };
    const path = await writeParquet(
      bench,
      widths.flatMap(() => ['text', 'double'] as const),
      rows(),
      40_000,
    );
    const wrong = widths.map((w, i) => {
      const n = `((file_row_number * 7919) % ${w})`;
      return `count(*) filter (c${2 * i} is distinct from 't' || ${n} or c${2 * i + 1} is distinct from ${n} / 8)`;
    });
    const [found] = await bench.session.all(
      `select count(*) as n, ${wrong.map((w) => `${w}`).join(' + ')} as wrong from read_parquet('${path}', file_row_number = true)`,
    );
    expect(found).toEqual({ n: count, wrong: 0 });
    const encodings = await bench.session.all(
      `select distinct encodings from parquet_metadata('${path}') where path_in_schema in ('c0', 'c19')`,
    );
    expect(encodings).toEqual([{ encodings: 'RLE, RLE_DICTIONARY, PLAIN' }]);
  });

  it('holds integers whose steps are of every size, at every length of the last block', async () => {
    for (const count of [1, 2, 31, 32, 33, 34, 128, 129, 130, 161, 257, 258]) {
      const rows = Array.from({ length: count }, (_, i): Value[] => [
        BigInt(i),
        BigInt(Math.round(2 ** (i % 51)) * (i % 2 === 0 ? 1 : -1)),
        i % 40 === 0 ? 2n ** 50n : -(2n ** 50n),
        i % 3 === 0 ? null : 1_541_377_992_796n + BigInt(i * i),
      ]);
      const path = await writeParquet(bench, ['integer', 'integer', 'integer', 'integer'], rows, 1000);
      expect(await readBack(path)).toEqual(rows.map((r) => r.map(asRead)));
    }
  });

  it('ends a row group before its texts take much memory, and holds very long ones', async () => {
    const rows = Array.from({ length: 9 }, (_, i): Value[] => [`${i}é"`.repeat(1_200_000), 'same']);
    const path = await writeParquet(bench, ['text', 'text'], rows, 1000);
    const found = await bench.session.all(`select md5(c0) as c0, c1 from read_parquet('${path}')`);
    expect(found).toEqual(rows.map(([c0, c1]) => ({ c0: createHash('md5').update(`${c0}`).digest('hex'), c1 })));
    const groups = await bench.session.all<{ rows: number }>(
      `select distinct row_group_id, row_group_num_rows::int as rows from parquet_metadata('${path}') order by all`,
    );
    expect(groups.length).toBeGreaterThan(1);
    expect(groups.reduce((sum, g) => sum + g.rows, 0)).toBe(9);
  });
});

describe('least and greatest values', () => {
  it('are those of each row group, with the number of its nulls', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.option(integer), fc.option(double)), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 20 }),
        async (rows, groupRows) => {
          const path = await writeParquet(bench, ['integer', 'double'], rows, groupRows);
          const said = await bench.session.all(
            `select row_group_id::int as g, path_in_schema as c, stats_min_value as low, stats_max_value as high, stats_null_count::int as nulls
             from parquet_metadata('${path}') order by g, c`,
          );
          const truth = Array.from({ length: Math.ceil(rows.length / groupRows) }, (_, g) =>
            [0, 1].map((c) => {
              const all = rows.slice(g * groupRows, (g + 1) * groupRows).map((r) => r[c]!);
              const values = all.filter((v) => v !== null).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
              return { g, c: `c${c}`, values, nulls: all.length - values.length };
            }),
          ).flat();
          expect(said.map((s) => [s.g, s.c, s.nulls])).toEqual(truth.map((t) => [t.g, t.c, t.nulls]));
          for (const [i, { c, values }] of truth.entries()) {
            const read = (value: unknown) => (c === 'c0' ? BigInt(value as string) : Number(value));
            const { low, high } = said[i]!;
            if (values.length === 0) expect([low, high]).toEqual([null, null]);
            // -0 and 0 count as one here.
            else expect([read(low) === values[0], read(high) === values.at(-1)]).toEqual([true, true]);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('let filters pass over row groups and lose no row', async () => {
    const low = 1_541_377_992_796;
    const rows = Array.from({ length: 5000 }, (_, i): Value[] => [
      i % 17 === 0 ? null : BigInt(low + i * 1000 + ((i * 7919) % 500)),
      i % 13 === 0 ? null : i < 2500 ? -0 : i - 2500,
    ]);
    const path = await writeParquet(bench, ['integer', 'double'], rows, 100);
    const count = async (where: string) =>
      (await bench.session.all<{ n: number }>(`select count(*) as n from read_parquet('${path}') where ${where}`))[0]!
        .n;
    const among = (test: (a: number | null, d: number | null) => boolean) =>
      rows.filter(([a, d]) => test(a === null ? null : Number(a), d as number | null)).length;
    for (let i = -100; i < 5100; i += 333) {
      const [from, to] = [low + i * 1000, low + (i + 250) * 1000];
      expect(await count(`c0 >= ${from} and c0 < ${to}`)).toBe(among((a) => a !== null && a >= from && a < to));
      expect(await count(`c0 = ${from}`)).toBe(among((a) => a === from));
      expect(await count(`c1 > ${i}`)).toBe(among((_, d) => d !== null && d > i));
    }
    expect(await count('c1 = 0')).toBe(among((_, d) => d === 0));
    expect(await count('c1 >= 0.0 and c1 <= 0')).toBe(among((_, d) => d === 0));
    expect(await count('c0 is null')).toBe(among((a) => a === null));
  });
});

describe('a file that is damaged', () => {
  const good = () =>
    writeParquet(
      bench,
      ['integer', 'text'],
      Array.from({ length: 500 }, (_, i) => [BigInt(i), `t${i}`]),
      100,
    );

  it('by a cut anywhere is refused by the engine', async () => {
    const path = await good();
    const bytes = readFileSync(path);
    for (let cut = 0; cut < bytes.length; cut += 97) {
      writeFileSync(path, bytes);
      truncateSync(path, cut);
      await expect(readBack(path)).rejects.toThrow();
    }
  });

  it('by a part that is shorter or longer than its row groups is not written', async () => {
    const { assembleParquet } = await import('../../src/ingest/parquet/assemble.ts');
    const part = `${bench.directory}/part-0`;
    const path = await good();
    const groups = [{ rows: 1, sizeBytes: readFileSync(part).length + 1, columns: [] }];
    await expect(assembleParquet(path, [], [{ path: part, groups }])).rejects.toThrow(/part-0/);
  });
});
