import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { col, namedColumns } from '../../src/pipeline/column.ts';
import { dimension, staging } from '../../src/pipeline/tables.ts';
import { tableChecksum } from '../../src/warehouse/checksum.ts';
import { createTableSql } from '../../src/warehouse/ddl.ts';
import type { SqlValue } from '../../src/warehouse/session.ts';
import { engines, type TestWarehouse } from './engines.ts';

const columns = {
  id: col.bigint({ sql: 'r.id', doc: '' }),
  small: col.smallint({ sql: 'r.small', doc: '' }),
  ratio: col.double({ sql: 'r.ratio', doc: '' }),
  other: col.double({ sql: 'r.other', doc: '' }),
  name: col.text({ sql: 'r.name', doc: '' }),
  place: col.text({ sql: 'r.place', doc: '' }),
  at: col.timestamp({ sql: 'r.at', doc: '' }),
  ok: col.boolean({ sql: 'r.ok', doc: '' }),
};
const names = Object.keys(columns);
const from = staging('s', { doc: '', root: '.', key: ['id'], columns: {} });
const table = dimension('checked', { doc: '', from, key: ['id'], winner: [], columns });

type Row = readonly SqlValue[];

/** The definition once more, by other means than the product's. */
function expected(rows: readonly Row[]): string {
  let sum = 0n;
  for (const row of rows) {
    const parts: Buffer[] = [];
    for (const value of row) {
      if (value === null) parts.push(Buffer.from('N'));
      else {
        const text = value instanceof Date ? `${value.valueOf()}` : Object.is(value, -0) ? '0' : `${value}`;
        const bytes = Buffer.from(text, 'utf8');
        parts.push(Buffer.from(`V${bytes.length}:`), bytes);
      }
    }
    const digest = createHash('md5').update(Buffer.concat(parts)).digest('hex');
    sum = (sum + BigInt(`0x${digest.slice(0, 16)}`)) % 2n ** 64n;
  }
  return sum.toString(16).padStart(16, '0');
}

const doubles = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: -1e5, max: 1e5, noNaN: true }),
  fc.integer({ min: -1_000_000, max: 1_000_000 }).map((n) => n / 1000),
  fc.constantFrom(
    0,
    -0,
    0.1 + 0.2,
    1e15,
    999_999_999_999_999.9,
    1e21,
    1e23,
    9007199254740992,
    1e-4,
    9.9e-5,
    1e-7,
    5e-324,
  ),
  fc.constantFrom(Number.MAX_VALUE, -Number.MAX_VALUE, 123456789012345.67, 100, -1, Number.NaN, Infinity, -Infinity),
);
const texts = fc.oneof(
  fc.string({ unit: 'binary' }).map((t) => t.replace(/[\0\p{Surrogate}]/gu, '')),
  fc.constantFrom(
    '',
    'N',
    'V0:',
    '\\N',
    '\\.',
    '\t\n\r\\',
    '\'"`$1',
    'Bj\u00c3\u0083\u00c2\u00b6rk',
    'e\u0301 \u00e9',
    '\ufeff',
    '😀',
    '\u2028',
  ),
);
const nullable = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.option(arbitrary, { nil: null, freq: 5 });
const rowArbitrary: fc.Arbitrary<Row> = fc.tuple(
  nullable(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  nullable(fc.integer({ min: -32768, max: 32767 })),
  nullable(doubles),
  nullable(doubles),
  nullable(texts),
  nullable(texts),
  nullable(fc.date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true })),
  nullable(fc.boolean()),
);

describe.each(engines)('table checksum on $name', ({ open }) => {
  let test1: TestWarehouse;
  beforeAll(async () => {
    test1 = await open();
    const { dialect } = test1.warehouse;
    const sql = createTableSql(dialect, dialect.defaultSchema, { ...table, key: [] }, { primaryKeys: false });
    await test1.warehouse.transaction((s) => s.exec(sql));
  });
  afterAll(() => test1.dispose());

  async function checksum(rows: readonly Row[]): Promise<{ rows: number; checksum: string }> {
    const { warehouse } = test1;
    const schema = warehouse.dialect.defaultSchema;
    await warehouse.transaction(async (s) => {
      await s.exec(`delete from ${schema}.checked`);
      await s.insertRows(schema, 'checked', names, rows);
    });
    return warehouse.read((s) =>
      tableChecksum(s, warehouse.dialect, { schema, table: 'checked', columns: namedColumns(columns) }),
    );
  }

  test('of an empty table is zero', async () => {
    expect(await checksum([])).toEqual({ rows: 0, checksum: '0000000000000000' });
  });

  test('is that of the definition, computed apart, for any rows', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rowArbitrary, { maxLength: 60 }), async (rows) => {
        expect(await checksum(rows)).toEqual({ rows: rows.length, checksum: expected(rows) });
      }),
      { numRuns: 60 },
    );
  });

  test('holds for many doubles of the magnitudes that data have', async () => {
    const rows = fc.sample(fc.double({ min: -1e15, max: 1e15, noNaN: true }), { numRuns: 20_000, seed: 7 });
    const small = fc.sample(fc.integer({ min: 1, max: 2 ** 31 - 1 }), { numRuns: 20_000, seed: 8 });
    const all: Row[] = rows.map((x, i) => [i, null, x, small[i]! / 99_991, null, null, null, null]);
    expect((await checksum(all)).checksum).toBe(expected(all));
  });

  test('does not depend on the order of rows, but on every value', async () => {
    const a: Row = [1, 1, 1, 1, 'a', 'b', new Date(0), true];
    const b: Row = [2, 1, 1, 1, 'a', 'b', new Date(0), true];
    expect(await checksum([a, b])).toEqual(await checksum([b, a]));
    expect(await checksum([a])).not.toEqual(await checksum([a, a]));
    for (let i = 0; i < a.length; i++) {
      const changed = a.map((v, at) => (at === i ? null : v));
      expect((await checksum([changed])).checksum).not.toBe((await checksum([a])).checksum);
    }
  });

  test('tells NULL from empty text, and where one text ends and the next begins', async () => {
    const row = (name: string | null, place: string | null): Row => [1, 1, 1, 1, name, place, null, null];
    const sums = new Set<string>();
    for (const [n, p] of [
      ['ab', 'c'],
      ['a', 'bc'],
      ['abc', ''],
      ['abc', null],
      ['', 'abc'],
      [null, 'abc'],
    ] as const)
      sums.add((await checksum([row(n, p)])).checksum);
    expect(sums.size).toBe(6);
  });
});
