import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isOneOf, selectIds } from '../../src/ledger/id-list.ts';
import { DuckDatabase } from '../../src/warehouse/duckdb/database.ts';
import type { DuckSession } from '../../src/warehouse/duckdb/session.ts';

let database: DuckDatabase;
let session: DuckSession;
beforeAll(async () => {
  database = await DuckDatabase.open({ path: ':memory:', threads: 1 });
  session = await database.connect();
  await session.exec('create table t as select range as id from range(0, 60)');
});
afterAll(() => {
  session.close();
  database.close();
});

const ids = fc.array(fc.integer({ min: 0, max: 59 }), { maxLength: 60 });
const found = async (sql: string) => (await session.all<{ id: number }>(sql)).map((r) => r.id);

it('ids are found by their runs, each once', async () => {
  await fc.assert(
    fc.asyncProperty(ids, async (some) => {
      const wanted = [...new Set(some)].sort((a, b) => a - b);
      expect(await found(`select id from t where ${isOneOf('id', some)} order by id`)).toEqual(wanted);
      expect(await found(`${selectIds('id', some)} order by id`)).toEqual(wanted);
      expect(await found(`select id from t where not ${isOneOf('id', some)}`)).toHaveLength(60 - wanted.length);
    }),
    { numRuns: 150 },
  );
});

it('a hundred thousand ids in a row are a short text', () => {
  const many = Array.from({ length: 100_000 }, (_, i) => i + 7);
  expect(isOneOf('id', many)).toBe('(id between 7 and 100006)');
  expect(selectIds('id', many).length).toBeLessThan(100);
});
