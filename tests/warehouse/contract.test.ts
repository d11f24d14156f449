import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { SqlSession, SqlValue } from '../../src/warehouse/session.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import { engines, type TestWarehouse } from './engines.ts';

/** One suite over every adapter: what `Warehouse` and `SqlSession` promise. */
describe.each(engines)('a warehouse in $name', ({ open }) => {
  let opened: TestWarehouse;
  let warehouse: Warehouse;
  let schema: string;
  const columns = ['a', 'b', 'c', 'd', 'e', 'f'];

  beforeAll(async () => {
    opened = await open();
    ({ warehouse } = opened);
    schema = warehouse.dialect.defaultSchema;
    const { type } = warehouse.dialect;
    await warehouse.transaction((s) =>
      s.exec(
        `create table t (a ${type('bigint')}, b ${type('text')}, c ${type('double')}, d ${type('timestamp')}, e ${type('boolean')}, f ${type('blob')})`,
      ),
    );
  });
  beforeEach(() => warehouse.transaction((s) => s.exec('delete from t')));
  afterAll(() => opened.dispose());

  const insert = (s: SqlSession, rows: readonly (readonly SqlValue[])[]): Promise<void> =>
    s.insertRows(schema, 't', columns, rows);
  const count = (): Promise<number> =>
    warehouse.read(async (s) => (await s.all<{ n: number }>('select count(*) as n from t'))[0]!.n);

  const rows: readonly (readonly SqlValue[])[] = [
    [
      1,
      'tab\tline\nreturn\rback\\slash "quote" \\N',
      1.5,
      new Date('2018-11-01T21:01:46.796Z'),
      true,
      new Uint8Array([0, 92, 255]),
    ],
    [2n ** 62n, '', -0.1, new Date(-1), false, new Uint8Array([])],
    [-9007199254740991, 'Björk 😀 e\u0301', 1e300, null, null, null],
    [null, null, null, null, null, null],
  ];

  test('gives back the values that were inserted in bulk', async () => {
    await warehouse.transaction((s) => insert(s, rows));
    const back = await warehouse.read((s) => s.all('select a, b, c, d, e, f from t'));
    const plain = back.map((r) => Object.values(r).map((v) => (v instanceof Uint8Array ? Uint8Array.from(v) : v)));
    expect(plain).toHaveLength(rows.length);
    for (const row of rows) expect(plain).toContainEqual(row);
  });

  test('gives back the values that were bound as parameters', async () => {
    await warehouse.transaction(async (s) => {
      for (const row of rows)
        expect(await s.exec('insert into t (a, b, c, d, e, f) values ($1, $2, $3, $4, $5, $6)', row)).toBe(1);
    });
    const back = await warehouse.read((s) => s.all('select a, b, c, d, e, f from t'));
    const plain = back.map((r) => Object.values(r).map((v) => (v instanceof Uint8Array ? Uint8Array.from(v) : v)));
    for (const row of rows) expect(plain).toContainEqual(row);
  });

  test.each([
    ['as they are', ['x', '', null, 'tab\tand \u0002', 'Björk 😀'], [1, null, -(2 ** 53) + 1, 0, 7]],
    ['with line ends and marks in texts', ['a\nb', '\u0001', null, '\n', 'c\r\n'], [1, 2, 3, 4, 5]],
    ['without a NULL', ['a', 'b', '', 'd', 'e'], [5, 4, 3, 2, 1]],
    ['with numbers that are not whole', ['a', 'b', 'c', 'd', 'e'], [2n ** 62n, 1, 2, 3, 4]],
  ])('gives back columns that were inserted in bulk, %s', async (_name, texts, numbers) => {
    const count = 500;
    const repeated = <T>(values: readonly T[]): T[] => Array.from({ length: count }, (_, i) => values[i % 5]!);
    await warehouse.transaction((s) =>
      s.insertColumns(schema, 't', count, {
        c: { from: 7 },
        b: { each: repeated(texts) },
        a: { each: repeated(numbers) },
        e: { all: true },
        f: { all: null },
      }),
    );
    const back = await warehouse.read((s) => s.all<{ c: number }>('select * from t order by c'));
    expect(back).toEqual(
      back.map((_, i) => ({ a: numbers[i % 5], b: texts[i % 5], c: 7 + i, d: null, e: true, f: null })),
    );
    expect(back).toHaveLength(count);
  });

  test('inserts named columns in their order; the others are NULL', async () => {
    await warehouse.transaction((s) => s.insertRows(schema, 't', ['c', 'a'], [[0.5, 7]]));
    expect(await warehouse.read((s) => s.all('select a, b, c from t'))).toEqual([{ a: 7, b: null, c: 0.5 }]);
  });

  test('sums and counts of 64-bit integers are numbers while they are safe, else bigints', async () => {
    await warehouse.transaction((s) => insert(s, rows.slice(0, 1)));
    expect(await warehouse.read((s) => s.all('select sum(a) as s, count(*) as n, max(a) as m from t'))).toEqual([
      { s: 1, n: 1, m: 1 },
    ]);
    await warehouse.transaction((s) => insert(s, rows.slice(1, 2)));
    const [row] = await warehouse.read((s) => s.all<{ s: bigint }>('select sum(a) as s from t'));
    expect(row!.s).toBe(2n ** 62n + 1n);
  });

  test('runs several statements at once and counts the rows of the last', async () => {
    const changed = await warehouse.transaction((s) =>
      s.exec("insert into t (a) values (1), (2), (3); update t set b = 'x' where a > 1"),
    );
    expect(changed).toBe(2);
  });

  test('keeps columns of the same name apart', async () => {
    const [row] = await warehouse.read((s) => s.all('select 1 as x, 2 as x'));
    expect(Object.values(row!)).toEqual([1, 2]);
  });

  test('streams a large result in batches, with its columns also when it is empty', async () => {
    await warehouse.transaction((s) =>
      insert(
        s,
        Array.from({ length: 7000 }, (_, i) => [i, null, null, null, null, null]),
      ),
    );
    const seen: SqlValue[] = [];
    let batches = 0;
    await warehouse.read(async (s) => {
      for await (const batch of s.stream('select a from t where a >= $1 order by a', [0])) {
        expect(batch.columns.map((c) => c.name)).toEqual(['a']);
        batches++;
        for (const row of batch.rows) seen.push(row[0]!);
      }
    });
    expect(seen).toEqual(Array.from({ length: 7000 }, (_, i) => i));
    expect(batches).toBeGreaterThan(2);
    const empty = await warehouse.read(async (s) => {
      const all = [];
      for await (const batch of s.stream('select a, b from t where a < 0')) all.push(batch);
      return all;
    });
    expect(empty[0]!.columns).toEqual([
      { name: 'a', type: 'bigint' },
      { name: 'b', type: expect.any(String) },
    ]);
    expect(empty.flatMap((b) => b.rows)).toEqual([]);
  });

  test('a stream that is left early leaves the session usable', async () => {
    await warehouse.transaction((s) =>
      insert(
        s,
        Array.from({ length: 7000 }, (_, i) => [i, null, null, null, null, null]),
      ),
    );
    await warehouse.read(async (s) => {
      for await (const batch of s.stream('select a from t')) if (batch.rows.length > 0) break;
      expect(await s.all('select count(*) as n from t')).toEqual([{ n: 7000 }]);
    });
  });

  test('a failing statement is SQL_FAILED with the statement, also while streaming', async () => {
    await expect(warehouse.read((s) => s.all('select nothing from nowhere'))).rejects.toMatchObject({
      code: 'SQL_FAILED',
      params: { statement: 'select nothing from nowhere' },
    });
    const stream = warehouse.read(async (s) => {
      for await (const _ of s.stream('select nothing from nowhere'));
    });
    await expect(stream).rejects.toMatchObject({ code: 'SQL_FAILED' });
    expect(await count()).toBe(0);
  });

  test('a transaction is kept as a whole, or rolled back when the work throws', async () => {
    await warehouse.transaction((s) => insert(s, rows));
    const thrown = new Error('no');
    await expect(
      warehouse.transaction(async (s) => {
        await insert(s, rows);
        throw thrown;
      }),
    ).rejects.toBe(thrown);
    expect(await count()).toBe(rows.length);
  });

  test('a read sees one snapshot and cannot write', async () => {
    await warehouse.transaction((s) => insert(s, rows));
    await warehouse.read(async (s) => {
      const before = await s.all('select count(*) as n from t');
      await warehouse.transaction((other) => insert(other, rows));
      expect(await s.all('select count(*) as n from t')).toEqual(before);
    });
    expect(await count()).toBe(2 * rows.length);
    await expect(warehouse.read((s) => s.exec('delete from t'))).rejects.toMatchObject({ code: 'SQL_FAILED' });
    expect(await count()).toBe(2 * rows.length);
  });

  test('text compares by bytes', async () => {
    const texts = ['a', 'B', 'ä', 'Z', '', '_', '😀', '\uffee'];
    await warehouse.transaction((s) =>
      insert(
        s,
        texts.map((t) => [1, t, null, null, null, null]),
      ),
    );
    const sorted = await warehouse.read((s) => s.all<{ b: string }>('select b from t order by b'));
    expect(sorted.map((r) => r.b)).toEqual([...texts].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y))));
  });

  test('loads the rows of a select exactly', async () => {
    const select = `select * from (values
      (1::bigint, '', 0.1::double, timestamp '2018-11-01 21:01:46.796', true, '\\xAA\\x00a"\\x0A'::blob),
      (9223372036854775807, null, 1e-300, timestamp '1969-12-31 23:59:59.999', false, ''::blob),
      (null, 'a"b,c' || chr(10) || '\\.' || chr(10) || chr(13) || chr(9) || '\\N', -1e300, null, null, null),
      (-1, '"', 5e-324, null, null, null), (-2, 'NULL', 0.30000000000000004, null, null, null)) v(a, b, c, d, e, f)`;
    const table = { schema, name: 't', columns };
    expect(await warehouse.transaction((s) => warehouse.load(s, table, select))).toBe(5);
    const back = await warehouse.read((s) => s.all('select a, b, c, d, e, f from t order by a nulls last'));
    const duck = await warehouse.compute.connect();
    const wanted = await duck.all(`${select} order by a nulls last`);
    duck.close();
    const plain = (list: readonly object[]): unknown =>
      list.map((r) => Object.values(r).map((v) => (v instanceof Uint8Array ? [...v] : v)));
    expect(plain(back)).toEqual(plain(wanted));
  });

  test('loads one text column with nasty texts, no rows, and a large result', async () => {
    const texts = ['\\.', '', 'x', '\\.\n', '"'];
    const list = texts.map((t) => `('${t}')`).join(', ');
    const table = { schema, name: 't', columns: ['b'] };
    await warehouse.transaction(async (s) => {
      expect(await warehouse.load(s, table, `select * from (values ${list}, (null)) v(b)`)).toBe(6);
      const back = await s.all<{ b: string | null }>('select b from t');
      expect(new Set(back.map((r) => r.b))).toEqual(new Set([...texts, null]));
      expect(await warehouse.load(s, table, 'select b from (values (1)) v(b) where false')).toBe(0);
      const a = { ...table, columns: ['a', 'b'] };
      expect(await warehouse.load(s, a, "select i, repeat('x', 100) from range(300000) r(i)")).toBe(300_000);
      expect(await s.all('select count(*) as n, sum(a) as s from t where a is not null')).toEqual([
        { n: 300_000, s: (300_000 * 299_999) / 2 },
      ]);
    });
  });

  test('a load whose select fails on the way changes nothing and says why', async () => {
    const select = "select case when i = 250000 then error('bad row') else i end from range(300000) r(i)";
    const load = warehouse.transaction((s) => warehouse.load(s, { schema, name: 't', columns: ['a'] }, select));
    await expect(load).rejects.toMatchObject({ code: 'SQL_FAILED', message: expect.stringContaining('bad row') });
    expect(await count()).toBe(0);
  });

  test('a load that the table refuses fails with its reason and leaves the warehouse usable', async () => {
    await warehouse.transaction((s) => s.exec('create table strict (a bigint not null)'));
    const select = 'select case when i = 250000 then null else i end from range(300000) r(i)';
    const load = warehouse.transaction((s) => warehouse.load(s, { schema, name: 'strict', columns: ['a'] }, select));
    await expect(load).rejects.toMatchObject({ code: 'SQL_FAILED', message: expect.stringMatching(/null/i) });
    expect(await count()).toBe(0);
  });

  test('a pipeline is held by one at a time; the next is told who has it', async () => {
    const told: string[] = [];
    const release = await warehouse.lockPipeline('p', { onWait: () => expect.unreachable() });
    const other = await warehouse.lockPipeline('q', { onWait: () => expect.unreachable() });
    let waiting: Promise<() => Promise<void>> | undefined;
    const holder = await new Promise<string>((resolve) => {
      waiting = warehouse.lockPipeline('p', { onWait: resolve });
    });
    expect(holder).toContain(String(process.pid));
    waiting!.then(() => told.push('second'));
    told.push('first releases');
    await release();
    const releaseSecond = await waiting!;
    expect(told).toEqual(['first releases', 'second']);
    await releaseSecond();
    await other();
  });

  test('waiting for a pipeline can be given up', async () => {
    const release = await warehouse.lockPipeline('p', { onWait: () => {} });
    const controller = new AbortController();
    const waiting = warehouse.lockPipeline('p', {
      onWait: () => setImmediate(() => controller.abort(new Error('enough'))),
      signal: controller.signal,
    });
    await expect(waiting).rejects.toThrow('enough');
    await release();
    const again = await warehouse.lockPipeline('p', { onWait: () => expect.unreachable() });
    await again();
  });
});
