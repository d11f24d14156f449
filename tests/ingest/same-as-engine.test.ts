import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { read } from '../../src/pipeline/column.ts';
import { staging } from '../../src/pipeline/tables.ts';
import { folderSegments } from '../../src/segments/folder.ts';
import { ingestAll, openBench, put } from './ingest-files.ts';

const doc = 'test';
const table = staging('s', {
  doc,
  root: '/nowhere',
  framing: 'ndjson',
  key: ['i'],
  columns: {
    t: read.text({ doc }),
    u: read.text({ doc }),
    i: read.integer({ doc }),
    d: read.double({ doc }),
    b: read.boolean({ doc }),
  },
});

/** One character, spelt plainly or as an escape, which both readers must take for the same. */
const spelt = fc
  .tuple(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }), fc.nat(3))
  .filter(([c]) => c !== '\0')
  .map(([c, how]) => {
    if (how === 0 && c === '/') return '\\/';
    if (how < 2) return JSON.stringify(c).slice(1, -1);
    const hex = (unit: string) => unit.charCodeAt(0).toString(16).padStart(4, '0');
    return c
      .split('')
      .map((unit) => `\\u${how === 2 ? hex(unit) : hex(unit).toUpperCase()}`)
      .join('');
  });
const text = fc.oneof(
  fc.constantFrom(
    '""',
    '"a"',
    '"\\u0061"',
    '"1"',
    '"2018-11-01"',
    '"null"',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    '"\\ud83d\\ude00"',
  ),
  fc.array(spelt, { maxLength: 12 }).map((cs) => `"${cs.join('')}"`),
);
// Whole numbers beyond 2^53 that are spelt with a point or an exponent are left out: the engine rounds them.
const integer = fc.oneof(
  fc.constantFrom('0', '-0', '1.0', '-5.0', '1e3', '12E2', '9007199254740991', '9007199254740993', '-9007199254740993'),
  fc.constantFrom('9223372036854775807', '-9223372036854775808', '999999999999999', '1000000000000000'),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  fc.integer().map(String),
);
const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`));
const double = fc.oneof(
  fc.constantFrom('0', '-0', '0.0', '-0.0', '-0e0', '5e-324', '2.4703282292062327e-324', '2.4703282292062328e-324'),
  fc.constantFrom('1e-400', '-1e-400', '1.7976931348623157e308', '2.2250738585072011e-308', '1e22', '1e23', '0.1'),
  fc.constantFrom('9007199254740993', '9007199254740992.5', '123456789012345678901234567890', '18446744073709551616'),
  fc.constantFrom(`0.${'0'.repeat(22)}1`, `0.${'0'.repeat(23)}1`, '999999999999999.9', '99999999999999.9', '0.000123'),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((d) => JSON.stringify(d)),
  fc.tuple(fc.constantFrom('', '-'), fc.integer({ min: 0, max: 1e9 }), digits(20)).map(([s, w, f]) => `${s}${w}.${f}`),
  fc.tuple(fc.integer(), digits(20), fc.integer({ min: -330, max: 290 })).map(([w, f, e]) => `${w}.${f}e${e}`),
);
const orNothing = (value: fc.Arbitrary<string>) => fc.option(value, { nil: 'null', freq: 6 });
const record = fc
  .tuple(
    orNothing(text),
    orNothing(text),
    orNothing(integer),
    orNothing(double),
    orNothing(fc.constantFrom('true', 'false')),
    fc.nat(9),
  )
  .map(([t, u, i, d, b, layout]) => {
    const fields = [`"t":${t}`, `"u":${u}`, `"i":${i}`, `"d":${d}`, `"b":${b}`];
    if (layout === 0) return `{${fields.filter((f) => !f.endsWith('null')).join(',')}}`;
    if (layout === 1) return `{ ${fields.reverse().join(' , ').replaceAll('":', '" : ')} }`;
    if (layout === 2) return `{${fields.join(',')},"x":{"t":[1,"}"]}}`;
    return `{${fields.join(',')}}`;
  });

it('stages what the engine reads of the same lines, bit for bit', async () => {
  const bench = await openBench();
  let n = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(record, { maxLength: 30 }), { minLength: 1, maxLength: 3 }), async (files) => {
      const objects = files.map((lines, i) => put(bench, `${n}/${i}.json`, lines.map((l) => `${l}\n`).join('')));
      const staged = await ingestAll(bench, { staging: table, objects, segments: folderSegments(bench.segments) });
      const paths = objects.map((o) => `'${join(bench.directory, 'in', o.key)}'`).join(', ');
      const read = await bench.session.all(
        `select * from read_json([${paths}], format = 'newline_delimited', auto_detect = false,
           columns = {t: 'VARCHAR', u: 'VARCHAR', i: 'BIGINT', d: 'DOUBLE', b: 'BOOLEAN'})`,
      );
      n++;
      expect(staged.quarantined).toEqual([]);
      // Object.is, which tells -0 from 0.
      expect(staged.rows).toStrictEqual(read);
    }),
    { numRuns: 200 },
  );
  bench.close();
});
