import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { read } from '../../src/pipeline/column.ts';
import { type Framing, staging } from '../../src/pipeline/tables.ts';
import { type Bench, ingestAll, openBench, positionOf, put } from './ingest-files.ts';

const doc = 'test';
const numbers = (framing: Framing) =>
  staging('numbers', {
    doc,
    root: '/nowhere',
    framing,
    key: ['a'],
    columns: { a: read.integer({ required: true, doc }), b: read.text({ doc }) },
  });

let bench: Bench;
let count = 0;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

async function read1(content: string | Uint8Array, framing: Framing = 'auto') {
  const object = put(bench, `o${count++}.json`, content);
  const result = await ingestAll(bench, { staging: numbers(framing), objects: [object] });
  const [only] = result.objects;
  expect(only!.read).toBe(only!.staged + only!.quarantined);
  expect(only!.staged).toBe(result.rows.length);
  return {
    values: result.rows.map((r) => r.a),
    rows: result.rows,
    bad: result.quarantined.map((q) => [q.reason, q.line, q.raw]),
    places: result.rows.map((_, i) => positionOf(only!, i)),
    object: only!,
  };
}

const pretty = (...values: unknown[]) => values.map((v) => JSON.stringify(v, null, 2)).join('\n');

describe('lines', () => {
  it.each([
    ['a final newline', '{"a":1}\n{"a":2}\n'],
    ['no final newline', '{"a":1}\n{"a":2}'],
    ['carriage returns', '{"a":1}\r\n{"a":2}\r\n'],
    ['a byte order mark', '\uFEFF{"a":1}\n{"a":2}\n'],
    ['blank lines', '\n\n{"a":1}\n   \n\t\r\n{"a":2}\n\n'],
    ['blanks around records', '  {"a":1}  \n\t{"a":2}\t'],
    ['spaces between tokens', '{ "a" : 1 }\n{ "a" : 2 }\n'],
    ['another order and unknown nested fields', '{"a":1,"x":{"y":[1,{}]}}\n{"x":[[]],"a":2}\n'],
  ])('are read with %s', async (_, text) => {
    for (const framing of ['auto', 'ndjson'] as const) {
      const { values, bad } = await read1(text, framing);
      expect([values, bad]).toEqual([[1, 2], []]);
    }
  });

  it('know their physical place with blank and bad lines between', async () => {
    const { values, bad, places } = await read1('\n{"a":1}\n\nbad\n{"a":2}\r\n{"a":true}\n{"a":3}');
    expect(values).toEqual([1, 2, 3]);
    expect(bad).toEqual([
      ['malformed_json', 4, 'bad'],
      ['wrong_type', 6, '{"a":true}'],
    ]);
    expect(places).toEqual([
      { ordinal: 0, line: 2 },
      { ordinal: 2, line: 5 },
      { ordinal: 4, line: 7 },
    ]);
  });

  it('never let a record reach over a line end', async () => {
    const { values, bad } = await read1('{"x":[1],"a":1}\n{"x":[1,\n2],"a":2}\n{"x":[3],"a":3}\n', 'ndjson');
    expect(values).toEqual([1, 3]);
    expect(bad.map((b) => b[1])).toEqual([2, 3]);
  });
});

describe('values in any layout', () => {
  it.each([
    ['one pretty-printed value', pretty({ a: 1, b: 'x' }), [1], [1]],
    ['several pretty-printed values', pretty({ a: 1, b: 'x' }, { b: '\n', a: 2 }), [1, 2], [1, 5]],
    ['a pretty-printed array', pretty([{ a: 1 }, { a: 2 }]), [1, 2], [2, 5]],
    ['an array on one line', '[{"a":1},{"a":2}]', [1, 2], [1, 1]],
    ['an empty array', '[ ]\n', [], []],
    ['two arrays and a value', '[{"a":1}]\n[\n{"a":2}]\n{\n"a":3}', [1, 2, 3], [1, 3, 4]],
    ['values one behind the other', '{"a":1} {"a":2}{"a":3}', [1, 2, 3], [1, 1, 1]],
    ['a byte order mark before an array', '\uFEFF[{"a":1}]', [1], [1]],
    ['carriage returns alone', '{\r"a":\r1}', [1], [1]],
  ])('read %s', async (_, text, expected, lines) => {
    for (const framing of ['auto', 'json'] as const) {
      const { values, bad, places } = await read1(text, framing);
      expect([values, bad]).toEqual([expected, []]);
      expect(places.map((p) => p.line)).toEqual(lines);
    }
  });

  it('go on behind a malformed value', async () => {
    const text = pretty([{ a: 1 }, { a: 2, b: 'x' }, { a: 3 }]).replace('"x"', 'x');
    const { values, bad } = await read1(text, 'json');
    expect(values).toEqual([1, 3]);
    expect(bad).toEqual([['malformed_json', 5, '{\n    "a": 2,\n    "b": x\n  },']]);
  });

  it('go on behind a cut value, which swallows no neighbour', async () => {
    const { values, bad } = await read1('{\n "a": 1,\n "b": \n{\n "a": 2\n}\n{\n "a": 3\n}\n', 'json');
    expect(values).toEqual([2, 3]);
    expect(bad.map((b) => b[0])).toEqual(['malformed_json']);
  });

  it('keep what is no object, and text, apart', async () => {
    const { values, bad } = await read1('[1,"x",{"a":1},[2],null]\nhello {"a":2}\n{"a":3}\n{"a":4', 'json');
    expect(values).toEqual([1, 3]);
    expect(bad.map((b) => [b[0], b[1]])).toEqual([
      ['not_an_object', 1],
      ['not_an_object', 1],
      ['not_an_object', 1],
      ['not_an_object', 1],
      ['text_outside_json', 2],
      ['malformed_json', 4],
    ]);
  });

  it('go on behind a malformed value on the same line', async () => {
    const { values, bad } = await read1('[{"a":1},{"a":tru},{"a":2}]', 'json');
    expect(values).toEqual([1, 2]);
    expect(bad).toHaveLength(1);
  });

  it('report an array that is not closed', async () => {
    const { values, bad } = await read1('[{"a":1},\n{"a":2}', 'json');
    expect(values).toEqual([1, 2]);
    expect(bad).toEqual([['malformed_json', 1, '[']]);
  });

  it('are judged one by one', async () => {
    const { values, bad } = await read1(pretty({ a: 1 }, { a: 1.5 }, { b: 'x' }, { a: 4 }), 'json');
    expect(values).toEqual([1, 4]);
    expect(bad.map((b) => [b[0], b[1]])).toEqual([
      ['wrong_type', 4],
      ['missing_field', 7],
    ]);
  });

  it('read values that are larger than the window', async () => {
    const b = 'é'.repeat(700_000);
    const { values, rows, bad } = await read1(`[${JSON.stringify({ a: 1, b })}\n,${JSON.stringify({ a: 2, b })}]`);
    expect([values, bad]).toEqual([[1, 2], []]);
    expect(rows[1]!.b).toBe(b);
  });
});

describe('auto', () => {
  it('means lines as soon as one of the first hundred is an object', async () => {
    const { values, bad } = await read1(`${'x\n'.repeat(99)}{"a":1}\n`);
    expect([values, bad.length]).toEqual([[1], 99]);
  });
  it('means values when none of them is', async () => {
    const { bad } = await read1(`${'x\n'.repeat(100)}{"a":1}\n`);
    expect(bad).toHaveLength(1);
  });
  it('does not depend on the types of the record', async () => {
    const { values, bad } = await read1('{"a":"no"}\n{"a":1}\n');
    expect([values, bad.length]).toEqual([[1], 1]);
  });
});

describe('content', () => {
  it('may be empty', async () => {
    for (const text of ['', '\n', '  ', '\uFEFF']) {
      const { object } = await read1(text);
      expect(object).toMatchObject({ read: 0, staged: 0, quarantined: 0, positions: [] });
    }
  });

  it('may be compressed, in one or several members', async () => {
    const text = Array.from({ length: 60_000 }, (_, i) => `{"a":${i},"b":"${i * 7919}"}\n`).join('');
    const half = text.indexOf('\n', text.length / 2) + 1;
    const members = Buffer.concat([gzipSync(text.slice(0, half)), gzipSync(text.slice(half))]);
    for (const content of [gzipSync(text), members]) {
      const { rows, bad } = await read1(content);
      expect([rows.length, bad.length]).toEqual([60_000, 0]);
      expect(rows[59_999]).toEqual({ a: 59_999, b: String(59_999 * 7919) });
    }
  });

  it('that is damaged gzip is an error that names the object', async () => {
    const whole = gzipSync('{"a":1}\n'.repeat(1000));
    const broken = Buffer.from(whole);
    broken[broken.length - 6]! ^= 0xff;
    for (const content of [whole.subarray(0, whole.length - 20), broken]) {
      await expect(read1(content)).rejects.toMatchObject({
        code: 'SOURCE_UNREADABLE',
        params: { object: expect.stringContaining(`o${count - 1}.json`) },
      });
    }
  });

  it('in UTF-16 is quarantined, not guessed', async () => {
    const { values, bad } = await read1(Buffer.from('\uFEFF{"a":1}\n{"a":2}\n', 'utf16le'));
    expect(values).toEqual([]);
    expect(bad.length).toBeGreaterThan(0);
    expect(bad[0]![0]).toBe('invalid_utf8');
  });
});

describe('drift', () => {
  it('counts unknown and absent fields by record', async () => {
    const { object, values } = await read1('{"a":1,"x":1}\n{"a":2,"b":null}\n{"a":3,"x":2,"y":"z"}\n{"a":4,"b":"q"}\n');
    expect(values).toEqual([1, 2, 3, 4]);
    expect(object.drift).toEqual({ unknown: { x: 2, y: 1 }, missing: { b: 2 } });
  });
  it('belongs to its object, also when records of one shape follow in the next', async () => {
    const objects = [put(bench, 'd1.json', '{"a":1,"x":1}\n'.repeat(5)), put(bench, 'd2.json', '{"a":1}\n'.repeat(3))];
    const result = await ingestAll(bench, { staging: numbers('auto'), objects });
    expect(result.objects.map((o) => o.drift)).toEqual([
      { unknown: { x: 5 }, missing: { b: 5 } },
      { unknown: {}, missing: { b: 3 } },
    ]);
  });
});
