import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventStaging } from './event-staging.ts';
import { type Bench, ingestAll, openBench, positionOf, put } from './ingest-files.ts';

const good = (n: number, change: Record<string, unknown> = {}) =>
  JSON.stringify({
    artist: `Artist "${n}" \\ é😀`,
    auth: 'Logged In',
    firstName: null,
    gender: 'F',
    itemInSession: n % 1000,
    lastName: 'Simpson',
    length: 267.91138 + n,
    level: 'free',
    location: 'Philadelphia-Camden-Wilmington, PA-NJ-DE-MD',
    method: 'PUT',
    page: 'NextSong',
    registration: 1541044398796,
    sessionId: n,
    song: '2018-01-01',
    status: 200,
    ts: 1541377992796 + n,
    userAgent: '"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_4)"',
    userId: '69',
    ...change,
  });
const raw = (text: string) => Buffer.from(text, 'latin1');
const without = (field: string) => good(1, { [field]: undefined });
const withText = (field: string, text: string) =>
  good(1).replace(new RegExp(`("${field}":)("(?:[^"\\\\]|\\\\.)*"|[^,}]+)`, 'u'), (_, key: string) => key + text);

/** Bad line → reason and column. Each is one physical line. */
const cases: readonly (readonly [name: string, line: string | Buffer, reason: string, column?: string])[] = [
  ['no JSON at all', 'hello', 'malformed_json'],
  ['a cut line', good(1).slice(0, 100), 'malformed_json'],
  ['a line cut where a value is expected', good(1).slice(0, good(1).indexOf('267')), 'malformed_json'],
  ['a line cut inside a number', good(1).slice(0, good(1).indexOf('267') + 2), 'malformed_json'],
  ['only an opening brace', '{', 'malformed_json'],
  ['a trailing comma', `${good(1).slice(0, -1)},}`, 'malformed_json'],
  ['two objects', good(1) + good(2), 'several_values_on_a_line'],
  ['two objects with a comma', `${good(1)}, ${good(2)}`, 'several_values_on_a_line'],
  ['NaN', withText('length', 'NaN'), 'malformed_json'],
  ['Infinity', withText('length', '-Infinity'), 'malformed_json'],
  ['a leading zero', withText('sessionId', '0123'), 'malformed_json'],
  ['a plus sign', withText('sessionId', '+1'), 'malformed_json'],
  ['a bare decimal point', withText('length', '1.'), 'malformed_json'],
  ['a raw tab in a string', withText('level', '"a\tb"'), 'malformed_json'],
  ['an unknown escape', withText('level', '"\\x41"'), 'malformed_json'],
  ['a short unicode escape', withText('level', '"\\u12"'), 'malformed_json'],
  ['single quotes', good(1).replaceAll('"', "'"), 'malformed_json'],
  ['a field without quotes', good(1).replace('"ts"', 'ts'), 'malformed_json'],
  ['a missing colon', good(1).replace('"ts":', '"ts"'), 'malformed_json'],
  ['a mismatched bracket', good(1).replace(/\}$/u, ']'), 'malformed_json'],
  ['nesting without end', withText('level', '['.repeat(600) + ']'.repeat(600)), 'malformed_json'],
  ['a byte that is no UTF-8', raw(good(1).replace('Simpson', 'Simps\xff')), 'invalid_utf8'],
  ['an overlong UTF-8 sequence', raw(good(1).replace('Simpson', 'S\xc0\xaf')), 'invalid_utf8'],
  ['a surrogate in UTF-8', raw(good(1).replace('Simpson', 'S\xed\xa0\x80')), 'invalid_utf8'],
  ['a raw NUL in a string', good(1).replace('Simpson', 'Simp\0son'), 'nul_character'],
  ['a raw NUL behind', `${good(1)}\0`, 'nul_character'],
  ['an escaped NUL', good(1).replace('Simpson', 'S\\u0000'), 'nul_character'],
  ['an escaped NUL in a field name', good(1).replace('"song"', '"so\\u0000ng"'), 'nul_character'],
  ['a high surrogate alone', good(1).replace('Simpson', 'S\\ud83dx'), 'lone_surrogate'],
  ['a low surrogate alone', good(1).replace('Simpson', 'S\\ude00'), 'lone_surrogate'],
  ['two high surrogates', good(1).replace('Simpson', 'S\\ud83d\\ud83d'), 'lone_surrogate'],
  ['text before', `INFO ${good(1)}`, 'text_outside_json'],
  ['text behind', `${good(1)} -- end`, 'text_outside_json'],
  ['an array', `[${good(1)}]`, 'not_an_object'],
  ['a number', '42', 'not_an_object'],
  ['null', 'null', 'not_an_object'],
  ['the same field twice', `${good(1).slice(0, -1)},"level":"paid"}`, 'duplicate_field'],
  ['an unknown field twice', `${good(1).slice(0, -1)},"x":1,"x":2}`, 'duplicate_field'],
  ['the same field twice, once escaped', `${good(1).slice(0, -1)},"leve\\u006c":"paid"}`, 'duplicate_field'],
  ['ts missing', without('ts'), 'missing_field', 'ts'],
  ['page null', withText('page', 'null'), 'missing_field', 'page'],
  ['sessionId missing', without('sessionId'), 'missing_field', 'session_id'],
  ['itemInSession missing', without('itemInSession'), 'missing_field', 'item_in_session'],
  ['level missing', without('level'), 'missing_field', 'level'],
  ['1.7 for an integer', withText('sessionId', '1.7'), 'wrong_type', 'session_id'],
  ['1e-1 for an integer', withText('sessionId', '1e-1'), 'wrong_type', 'session_id'],
  ['text for an integer', withText('sessionId', '"12"'), 'wrong_type', 'session_id'],
  ['true for an integer', withText('status', 'true'), 'wrong_type', 'status'],
  ['an object for text', withText('artist', '{"a":1}'), 'wrong_type', 'artist'],
  ['a number for text', withText('artist', '1'), 'wrong_type', 'artist'],
  ['text for a double', withText('length', '"1.5"'), 'wrong_type', 'length'],
  ['an array for a double', withText('length', '[1.5]'), 'wrong_type', 'length'],
  ['an integer beyond 64 bits', withText('sessionId', '9223372036854775808'), 'out_of_range', 'session_id'],
  ['a negative integer beyond 64 bits', withText('sessionId', '-9223372036854775809'), 'out_of_range', 'session_id'],
  ['an integer with a huge exponent', withText('sessionId', '1e999999999'), 'out_of_range', 'session_id'],
  ['a double beyond doubles', withText('length', '1e400'), 'out_of_range', 'length'],
  ['ts before 2000', withText('ts', '946684799999'), 'out_of_range', 'ts'],
  ['ts from 2100 on', withText('ts', '4102444800000'), 'out_of_range', 'ts'],
  ['a negative item', withText('itemInSession', '-1'), 'out_of_range', 'item_in_session'],
  ['userId that is a name', withText('userId', '"jane"'), 'wrong_type', 'user_id'],
  ['userId that is a number', withText('userId', '69'), 'wrong_type', 'user_id'],
  ['userId with a decimal point', withText('userId', '"6.0"'), 'wrong_type', 'user_id'],
  ['userId that is a sign', withText('userId', '"-"'), 'wrong_type', 'user_id'],
  ['userId beyond 64 bits', withText('userId', '"9223372036854775808"'), 'out_of_range', 'user_id'],
];

/** Two good neighbours on each side of every bad line; `filler` good lines in front make the object large. */
function contentOf(filler: number): { content: Buffer; expected: string[] } {
  const parts: Buffer[] = [];
  const expected: string[] = [];
  let n = 1000;
  const add = () => {
    const line = good(n++);
    expected.push(line);
    parts.push(Buffer.from(`${line}\n`));
  };
  for (let i = 0; i < filler; i++) add();
  for (const [, line] of cases) {
    add();
    parts.push(Buffer.from(line as string), Buffer.from('\n'));
    add();
  }
  return { content: Buffer.concat(parts), expected };
}

describe.each([
  ['small', 0],
  ['large', 4000],
] as const)('bad records in a %s object', (size, filler) => {
  let bench: Bench;
  let result: Awaited<ReturnType<typeof ingestAll>>;
  const { content, expected } = contentOf(filler);
  beforeAll(async () => {
    bench = await openBench();
    const object = put(bench, `${size}.json`, content);
    result = await ingestAll(bench, { staging: eventStaging({ framing: 'ndjson' }), objects: [object] });
  });
  afterAll(() => bench.close());

  it.each(cases.map((c, i) => [c[0], i] as const))('quarantines %s', (_, i) => {
    const [, line, reason, column] = cases[i]!;
    const record = result.quarantined[i]!;
    expect([record.reason, record.column]).toEqual([reason, column]);
    expect(record.raw).toBe(Buffer.from(line as string).toString('latin1'));
    expect(record.line).toBe(filler + 3 * i + 2);
    expect(record.ordinal).toBe(record.line - 1);
    expect(record.detail).not.toBe('');
  });

  it('loads every neighbour exactly', () => {
    const columns = eventStaging().columns;
    expect(result.rows.length).toBe(expected.length);
    for (const [i, line] of expected.entries()) {
      const record = JSON.parse(line) as Record<string, unknown>;
      expect(columns.map((c) => result.rows[i]![c.name])).toEqual(columns.map((c) => record[c.field]));
    }
  });

  it('adds up, and every row leads back to its line', () => {
    const [object] = result.objects;
    expect(object!.read).toBe(expected.length + cases.length);
    expect(object!.staged + object!.quarantined).toBe(object!.read);
    const lines = content.toString('latin1').split('\n');
    const rejected = new Set(result.quarantined.map((q) => q.line));
    const staged = lines.map((_, i) => i + 1).filter((l) => l < lines.length && !rejected.has(l));
    for (const [row, line] of staged.entries()) expect(positionOf(object!, row)).toEqual({ ordinal: line - 1, line });
  });
});

it('takes what is exactly of its type, however it is spelt', async () => {
  const bench = await openBench();
  const spellings: readonly (readonly [field: string, text: string, column: string, value: unknown])[] = [
    ['sessionId', '1.0', 'session_id', 1],
    ['sessionId', '1e3', 'session_id', 1000],
    ['sessionId', '-0', 'session_id', 0],
    ['sessionId', '150e-1', 'session_id', 15],
    ['sessionId', '9007199254740993', 'session_id', 9007199254740993n],
    ['sessionId', '9007199254740993.0', 'session_id', 9007199254740993n],
    ['sessionId', '9.223372036854775807e18', 'session_id', 9223372036854775807n],
    ['sessionId', '-9223372036854775808', 'session_id', -9223372036854775808n],
    ['length', '5', 'length', 5],
    ['length', '-1.5E+2', 'length', -150],
    ['length', '123456789012345678901234567890', 'length', 1.2345678901234568e29],
    ['length', '5e-324', 'length', 5e-324],
    ['length', '2.2250738585072011e-308', 'length', Number('2.2250738585072011e-308')],
    ['length', '0.1000000000000000055511151231257827021181583404541015625', 'length', 0.1],
    ['userId', '""', 'user_id', ''],
    ['userId', '"-5"', 'user_id', '-5'],
    ['userId', '"9223372036854775807"', 'user_id', '9223372036854775807'],
    ['userId', '"\\u0036"', 'user_id', '6'],
    ['userId', 'null', 'user_id', null],
    ['artist', '"\\ud83d\\ude00\\u00e9\\/\\n"', 'artist', '😀é/\n'],
    ['artist', '"null"', 'artist', 'null'],
    ['song', '"2018-11-01T00:00:00Z"', 'song', '2018-11-01T00:00:00Z'],
    ['ts', '946684800000', 'ts', 946684800000],
    ['ts', '4102444799999.0', 'ts', 4102444799999],
  ];
  const object = put(bench, 'a.json', spellings.map(([field, text]) => withText(field, text)).join('\n'));
  const result = await ingestAll(bench, { staging: eventStaging(), objects: [object] });
  expect(result.quarantined).toEqual([]);
  expect(result.rows.map((r, i) => r[spellings[i]![2]])).toEqual(spellings.map((s) => s[3]));
  expect(result.objects[0]).toMatchObject({ minEventMs: 946684800000, maxEventMs: 4102444799999 });
  bench.close();
});

it('keeps a record over 16 MB in quarantine with its raw text, and one over 64 MB with its beginning', async () => {
  const bench = await openBench();
  const long = (bytes: number) => {
    const empty = Buffer.byteLength(good(7, { song: '' }));
    return good(7, { song: 'x'.repeat(bytes - empty) });
  };
  const limit = 16 * 1024 * 1024;
  const lines = [good(1), long(limit + 1), good(2), long(limit), good(3), long(70 * 1024 * 1024), good(4)];
  const object = put(bench, 'long.json', lines.join('\n'));
  const result = await ingestAll(bench, { staging: eventStaging(), objects: [object] });
  expect(result.rows.map((r) => r.session_id)).toEqual([1, 2, 7, 3, 4]);
  expect(result.rows[2]!.song).toBe((JSON.parse(lines[3]!) as { song: string }).song);
  expect(result.quarantined.map((q) => [q.reason, q.line, q.raw.length])).toEqual([
    ['object_too_large', 2, limit + 1],
    ['object_too_large', 6, 64 * 1024 * 1024],
  ]);
  expect(result.objects[0]).toMatchObject({ read: 7, staged: 5, quarantined: 2 });
  bench.close();
});
