import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { check } from '../../src/pipeline/check.ts';
import { type PartsOf, unique } from '../../src/quality/column-checks.ts';
import { wholeSubject } from '../../src/quality/subject.ts';
import { partsByValue } from '../../src/star/parts.ts';
import { DuckDatabase } from '../../src/warehouse/duckdb/database.ts';
import type { DuckSession } from '../../src/warehouse/duckdb/session.ts';
import { smallSparkify } from './small-sparkify.ts';

let database: DuckDatabase;
let session: DuckSession;
beforeAll(async () => {
  database = await DuckDatabase.open({ path: ':memory:', threads: 1 });
  session = await database.connect();
});
afterAll(() => {
  session.close();
  database.close();
});

const plays = smallSparkify().tables.find((t) => t.name === 'songplays')!;
const ids = fc.array(
  fc.option(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: -3_000_000, max: 3_000_000 }))),
  { maxLength: 30 },
);

it('every value is in one part, and doubled values are found part by part as at once', async () => {
  await fc.assert(
    fc.asyncProperty(
      ids,
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom('bigint', 'text'),
      async (values, partRows, type) => {
        await session.exec(
          'create or replace table songplays (songplay_id bigint, start_time timestamp, user_id bigint, level varchar, song_id varchar, artist_id varchar, session_id bigint, location varchar, user_agent varchar)',
        );
        for (const v of values) await session.exec(`insert into songplays (songplay_id) values (${v})`);
        const column = { name: 'songplay_id', type } as const;
        const partsOf: PartsOf = (rows, _column, count) => partsByValue(session, rows, column, count, partRows);
        const parts = (await partsOf('from songplays', column, values.length)).map((part) => part('songplay_id'));
        const [met] = await session.all<{ n: number }>(
          `select count(*) as n from songplays where songplay_id is not null and ${parts.map((p) => `(case when ${p} then 1 else 0 end)`).join(' + ')} <> 1`,
        );
        let largest = 0;
        for (const part of parts) {
          const [held] = await session.all<{ n: number }>(
            `select count(*) as n from songplays where songplay_id is not null and ${part}`,
          );
          largest = Math.max(largest, held!.n);
        }
        const sameValue = Math.max(0, ...values.map((v) => values.filter((w) => v !== null && v === w).length));
        const known = values.filter((v) => v !== null);
        // Values that lie close together are cut exactly.
        if (type === 'bigint' && Math.max(...known) - Math.min(...known) < 1_000)
          expect(largest).toBeLessThanOrEqual(Math.max(partRows, sameValue));
        expect(met!.n).toBe(0);
        const once = check.unique('songplays', ['songplay_id']) as Parameters<typeof unique>[1];
        const subject = wholeSubject(session, 'main', plays);
        const found = await unique(session, once, subject, partsOf);
        expect(found).toEqual(await unique(session, once, subject));
        const counts = new Map(values.map((v) => [v, values.filter((w) => w === v).length]));
        expect(found.passed).toBe([...counts].every(([v, n]) => v === null || n === 1));
      },
    ),
    { numRuns: 60 },
  );
});

it('very many values are cut by a sample of them', async () => {
  await session.exec('create or replace table many as select range * 7 % 3000017 as n from range(3000000)');
  const parts = await partsByValue(session, 'select n from many', { name: 'n', type: 'bigint' }, 3_000_000);
  const sizes = await session.all<{ n: number }>(
    parts.map((part) => `select count(*) as n from many where ${part('n')}`).join(' union all '),
  );
  expect(sizes.reduce((sum, { n }) => sum + n, 0)).toBe(3_000_000);
  expect(parts.length).toBeGreaterThan(10);
  expect(Math.max(...sizes.map(({ n }) => n))).toBeLessThan(600_000);
});
