import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RecordColumns } from '../../src/ingest/columns/record-columns.ts';
import { ObjectScanner } from '../../src/ingest/scan/object-scanner.ts';
import { scanSpec } from '../../src/ingest/scan/spec.ts';
import { JsonSyntax } from '../../src/ingest/scan/syntax.ts';
import { read } from '../../src/pipeline/column.ts';
import { staging } from '../../src/pipeline/tables.ts';
import { eventStaging } from './event-staging.ts';
import { ingestAll, openBench, positionOf, put, rowsIn } from './ingest-files.ts';

/** A small generator of its own, so that a seed names the same records for ever. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const columns = eventStaging().columns;

function record(random: (below: number) => number, n: number): Record<string, unknown> {
  const text = () => ['', 'Muse', 'Björk', '"q" \\ /', 'a\nb\tc', '😀 x', 'null', '\u0080\uffff'][random(8)]!;
  const all: Record<string, unknown> = {
    artist: text(),
    auth: 'Logged In',
    firstName: random(5) === 0 ? null : text(),
    gender: 'F',
    itemInSession: random(1000),
    lastName: text(),
    length: random(4) === 0 ? null : random(1e9) / 997,
    level: 'paid',
    location: text(),
    method: 'PUT',
    page: 'NextSong',
    registration: 1.5e12 + random(1e9),
    sessionId: n,
    song: text(),
    status: 200,
    ts: 1541377992796 + random(1e9),
    userAgent: text().repeat(random(30)),
    userId: random(9) === 0 ? '' : String(random(100)),
  };
  if (random(6) === 0) delete all[['artist', 'song', 'gender', 'length'][random(4)]!];
  if (random(9) === 0) all.extra = [{ a: text() }, 1.5e300, text()][random(3)];
  return all;
}

/** An independent judgement of one line, by JSON.parse and the declared columns. */
function accepted(line: Buffer): Record<string, unknown> | undefined {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line);
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const fields = value as Record<string, unknown>;
  if (/\\u0000/.test(text.replace(/\\\\/g, ''))) return undefined;
  // JSON.stringify escapes surrogates only where they are alone.
  if (/\\ud[89a-f]/i.test(JSON.stringify(value).replace(/\\\\/g, ''))) return undefined;
  const keys = [...text.matchAll(/"([a-zA-Z]+)"\s*:/g)].map((m) => m[1]);
  if (new Set(keys).size < keys.length) return undefined;
  for (const c of columns) {
    const v = fields[c.field] ?? null;
    if (v === null) {
      if (c.required) return undefined;
      continue;
    }
    const wanted = c.type === 'text' ? 'string' : 'number';
    if (typeof v !== wanted) return undefined;
    if (c.type === 'integer' && !(Number.isInteger(v) && Math.abs(v as number) < 2 ** 63)) return undefined;
    if (typeof v === 'number' && !Number.isFinite(v)) return undefined;
    if (c.min !== undefined && (v as number) < c.min) return undefined;
    if (c.max !== undefined && (v as number) > c.max) return undefined;
    if (c.integerText === true && !/^(-?\d{1,18})?$/.test(v as string)) return undefined;
  }
  return fields;
}

/** Spoils a line at random; what comes out may well still be good. */
function spoil(line: Buffer, random: (below: number) => number): Buffer {
  const at = random(line.length);
  switch (random(9)) {
    case 0:
      return line.subarray(0, at);
    case 1:
      return Buffer.concat([line.subarray(0, at), line.subarray(at + 1 + random(5))]);
    case 2:
      return Buffer.concat([line.subarray(0, at), Buffer.from([random(256)]), line.subarray(at)]);
    case 3: {
      const copy = Buffer.from(line);
      copy[at] = random(256);
      return copy;
    }
    case 4:
      return Buffer.concat([line, line]);
    case 5:
      return Buffer.concat([line.subarray(0, at), line.subarray(random(line.length))]);
    case 6: {
      const marks = [
        'NaN',
        '1.7',
        'true',
        'null',
        '"12"',
        '{}',
        '[1]',
        '\\u0000',
        '\\ud800',
        '"',
        ',',
        '1e400',
        '-',
        '01',
      ];
      return Buffer.concat([line.subarray(0, at), Buffer.from(marks[random(marks.length)]!), line.subarray(at)]);
    }
    case 7: {
      const fields = line.toString().split(/,(?=")/u);
      fields.splice(random(fields.length), 1);
      return Buffer.from(fields.join(','));
    }
    default: {
      const values = ['1.7', '"x"', 'true', 'null', '-1', '1e3', '9e99', '[]', '12345678901234567890'];
      const name = columns[random(columns.length)]!.field;
      const pattern = new RegExp(`"${name}":("(?:[^"\\\\]|\\\\.)*"|[^,}]+)`, 'u');
      return Buffer.from(line.toString().replace(pattern, () => `"${name}":${values[random(values.length)]}`));
    }
  }
}

it('accounts for each of 30,000 generated records, half of them spoilt, and loses no good one', async () => {
  const bench = await openBench();
  const objects = [];
  const expected: { line: Buffer; fields: Record<string, unknown> | undefined; at: number }[][] = [];
  for (let o = 0; o < 12; o++) {
    const random = randomOf(4711 + o);
    const lines: { line: Buffer; fields: Record<string, unknown> | undefined; at: number }[] = [];
    const physical: Buffer[] = [];
    for (let i = 0; i < 2500; i++) {
      let line: Buffer = Buffer.from(JSON.stringify(record(random, i)));
      if (o % 2 === 0 && random(2) === 0) line = line.map((c) => c) as Buffer;
      if (random(2) === 0) line = spoil(line, random);
      for (const part of Buffer.from(line).toString('latin1').split('\n')) {
        const bytes = Buffer.from(part, 'latin1');
        physical.push(bytes);
        if (!/^[ \t\r]*$/.test(part)) lines.push({ line: bytes, fields: accepted(bytes), at: physical.length });
      }
    }
    expected.push(lines);
    objects.push(put(bench, `g${o}.json`, Buffer.concat(physical.flatMap((b) => [b, Buffer.from('\n')]))));
  }
  const result = await ingestAll(bench, { staging: eventStaging({ framing: 'ndjson' }), objects });
  let row = 0;
  for (const [o, lines] of expected.entries()) {
    const object = result.objects[o]!;
    const bad = result.quarantined.filter((q) => q.uri === object.uri);
    const wrong = lines.filter((l) => l.fields === undefined);
    expect(object.read).toBe(lines.length);
    expect(bad.map((b) => [b.line, b.raw.replace(/\r$/, '')])).toEqual(
      wrong.map((w) => [w.at, w.line.toString('latin1').replace(/\r$/, '')]),
    );
    const taken = lines.filter((l) => l.fields !== undefined);
    expect(object.staged).toBe(taken.length);
    expect(object.firstRow).toBe(row);
    for (const [i, { fields, at }] of taken.entries()) {
      const staged = result.rows[row++]!;
      expect(positionOf(object, i).line).toBe(at);
      for (const c of columns) {
        const want = fields![c.field] ?? null;
        if (staged[c.name] !== want && !Object.is(staged[c.name], 0))
          expect({ at, [c.name]: staged[c.name] }).toEqual({ at, [c.name]: want });
      }
    }
  }
  expect(row).toBe(result.rows.length);
  bench.close();
});

it('agrees with JSON.parse on what is JSON', () => {
  const syntax = new JsonSyntax(Buffer.alloc(0));
  const valid = (text: string): boolean => {
    const bytes = Buffer.from(text);
    syntax.use(bytes);
    syntax.end = bytes.length;
    const end = syntax.value(syntax.space(0), 0);
    // Beyond the grammar: NUL and lone surrogates are refused by design.
    if (end < 0 && ['nul_character', 'lone_surrogate'].includes(syntax.fault!.reason)) return parses(text);
    return end >= 0 && syntax.space(end) === bytes.length;
  };
  const parses = (text: string): boolean => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const json = fc.json({ maxDepth: 4 });
  const edit = fc.tuple(json, fc.nat(), fc.nat(3), fc.constantFrom(...'{}[]",:0-+.eEtn\\u \n\t\u0001a1'.split('')));
  fc.assert(
    fc.property(json, (text) => valid(text)),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(edit, ([text, place, cut, mark]) => {
      const at = place % (text.length + 1);
      const edited = text.slice(0, at) + mark + text.slice(at + cut);
      expect(valid(edited)).toBe(parses(edited));
    }),
    { numRuns: 5000 },
  );
});

it('judges a record alike on the fast and on the slow path, wherever the window cuts', () => {
  const doc = 'test';
  const small = staging('s', {
    doc,
    root: '/nowhere',
    framing: 'ndjson',
    key: ['i'],
    eventTime: 'i',
    columns: {
      t: read.text({ doc }),
      i: read.integer({ required: true, min: -5, max: 1e15, doc }),
      d: read.double({ doc }),
      b: read.boolean({ doc }),
      u: read.text({ integerText: true, doc }),
    },
  });
  const spec = scanSpec(small);
  const columns = new RecordColumns(
    spec.columns.map((c) => c.type),
    8,
  );
  const verdict = (lines: readonly string[], step: number) => {
    columns.clear();
    const scanner = new ObjectScanner(spec, { columns, flush: () => expect.unreachable() });
    scanner.begin();
    const content = Buffer.from(lines.map((l) => `${l}\n`).join(''));
    for (let p = 0; p < content.length; ) {
      const n = content.copy(scanner.space(), 0, p, Math.min(content.length, p + step));
      scanner.advance(n);
      p += n;
    }
    const totals = scanner.finish();
    return { kept: rowsIn(columns), ...totals };
  };
  const value = fc.oneof(
    fc.constantFrom('null', 'true', 'false', 'tru', '""', '"5"', '"x"', '"\\u00e9"', '"\\ud83d\\ude00"', '"\\ud83d"'),
    fc.constantFrom('0', '-0', '1.0', '1.00', '1.05', '01', '-', '1.', '1e2', '1E', '999999999999999', '1e15', '.5'),
    fc.constantFrom('-5', '-6', '5.0e0', '1e400', '{}', '[1,2]', '"a\\"b"', '"\\', '"\\q"', '12345678901234567'),
    fc.integer().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((d) => JSON.stringify(d)),
    fc.string().map((s) => JSON.stringify(s)),
  );
  const line = fc
    .tuple(value, value, value, value, value, value)
    .map(([t, i, d, b, u, x]) => `{"t":${t},"i":${i},"d":${d},"b":${b},"u":${u},"x":${x}}`);
  const plain = '{"t":"a","i":1,"d":1.5,"b":true,"u":"7","x":1}';
  const good = [['a', 1n, 1.5, true, '7']];
  fc.assert(
    fc.property(line, fc.integer({ min: 1, max: 200 }), (text, step) => {
      // Alone, the line is read the slow way; behind good ones of its shape, the fast way.
      const slow = verdict([text], 1e6);
      const fast = verdict([plain, plain, text, plain], step);
      expect(fast.staged).toBe(slow.staged + 3);
      expect(fast.quarantined.map((q) => [q.reason, q.column, q.detail])).toEqual(
        slow.quarantined.map((q) => [q.reason, q.column, q.detail]),
      );
      expect(fast.kept).toEqual([...good, ...good, ...slow.kept, ...good]);
      if (slow.staged === 1) {
        expect(fast.minEventMs).toBe(Math.min(1, slow.minEventMs!));
        expect(fast.maxEventMs).toBe(Math.max(1, slow.maxEventMs!));
      }
    }),
    { numRuns: 4000 },
  );
});
