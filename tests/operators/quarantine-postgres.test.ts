import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CheckResult } from '../../src/ledger/checks.ts';
import { ledgerReport } from '../../src/lineage/ledger-report.ts';
import { trace } from '../../src/lineage/trace.ts';
import { correctRecords, discardRecords, replayRecords } from '../../src/operators/quarantine.ts';
import { check } from '../../src/pipeline/check.ts';
import { checkStar } from '../../src/quality/check-star.ts';
import { createTestDatabase, type TestDatabase } from '../postgres-server/database.ts';
import { VisitsWorld, visit } from './visits.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

let database: TestDatabase;
let world: VisitsWorld;
beforeAll(async () => {
  database = await createTestDatabase();
  world = await new VisitsWorld(database.url).open();
  world.write('a.json', [visit(1), '{"visit": 2, \u0000"ts"', visit(3), visit(4, { place: 50 })]);
  world.write('b.json', [visit(5, { guest: null })]);
  await world.run();
});
afterAll(async () => {
  await world?.close();
  await database?.drop();
});

async function checked(more: Parameters<typeof checkStar>[1]['standing']['pipeline']['checks'] = []) {
  return world.standing((standing) =>
    world.warehouse.read((session) =>
      checkStar(session, {
        standing: { ...standing, pipeline: { ...standing.pipeline, checks: [...standing.pipeline.checks, ...more] } },
        schema: 'public',
        nowMs: Date.UTC(2025, 0, 1),
      }),
    ),
  );
}

it('settles quarantined records: corrected, discarded, tried again', async () => {
  expect(await correctRecords(world.options(), [{ id: 1, text: bytes(visit(2)), note: 'by hand' }])).toMatchObject({
    staged: [{ id: 1, records: 1 }],
  });
  expect(await correctRecords(world.options(), [{ id: 1, text: bytes(visit(2)) }])).toMatchObject({ already: [1] });
  expect(await discardRecords(world.warehouse, 'visits', [2], 'too far')).toEqual([2]);
  expect(await replayRecords(world.options())).toMatchObject({ staged: [], failed: [{ id: 3 }] });
  await world.run();
  expect(await world.visits()).toEqual([1, 2, 3]);
  const staged = await world.warehouse.read((s) => s.all('select visit from staging_visits order by 1'));
  expect(staged.map((r) => Number((r as { visit: number }).visit))).toEqual([1, 2, 3]);
});

it('keeps what was settled over a rebuild from the sources', async () => {
  await world.run({ rebuild: true, fromSources: true });
  expect(await world.visits()).toEqual([1, 2, 3]);
  const live = (await world.quarantine()).filter((e) => e.object_state === 'live');
  expect(live.map((e) => e.state)).toEqual(['corrected', 'discarded', 'quarantined']);
});

it('traces a row, and accounts for every record, from the mirror', async () => {
  const traced = await world.standing((standing) =>
    trace({ standing, table: 'visits', key: '2', readVersion: async () => undefined }),
  );
  expect(traced.records).toMatchObject([{ role: 'winner', raw: visit(2) }]);
  const { total } = await world.standing(ledgerReport);
  expect(total).toMatchObject({ read: 6, staged: 3, quarantined: 3, loaded: 3, outside: 0 });
});

it('checks the published star in PostgreSQL, every kind passing', async () => {
  const results = await checked([
    check.notNull('visits', ['guest', 'place']),
    check.acceptedValues('visits', 'place', [1, 2, 3]),
    check.acceptedValues('guests', 'guest', ['g0', 'g1', 'g2']),
    check.rowCount('visits', { min: 3, max: 3 }),
    check.expected('places', 'select place, count(*) from visits group by place order by place', [
      [1, 1],
      [2, 1],
      [3, 1],
    ]),
    check.expected('sum', 'select sum(place) from visits join guests on guests.guest = visits.guest;', 6),
  ]);
  expect(results.filter((r) => r.verdict !== 'passed')).toEqual([]);
  expect(results.find((r) => r.name === 'row_accounting')?.actual).toBe('read 6 = staged 3 + quarantined 3; visits 3');
});

it('shows expected, actual and sample rows of what fails there, and goes on after a check that cannot be carried out', async () => {
  await world.warehouse.transaction(async (s) => {
    await s.exec('alter table visits drop constraint if exists visits_pkey');
    await s.exec('alter table visits alter column place drop not null');
    await s.exec("insert into visits (visit, guest, place) values (3, 'ghost', null)");
  });
  const results = await checked([
    check.expected('broken', 'select nope from visits', 1),
    check.notNull('visits', ['place']),
    check.acceptedValues('visits', 'guest', ['g0', 'g1', 'g2']),
    check.rowCount('visits', { max: 3 }),
    check.expected('rows', 'select visit from visits order by visit', [[1], [2], [3]]),
  ]);
  const of = (name: string): CheckResult | undefined => results.find((r) => r.name === name);
  expect(of('broken')).toMatchObject({ verdict: 'error', actual: expect.stringContaining('nope') });
  expect(of('visits.unique(visit)')).toMatchObject({ verdict: 'failed', samples: [{ visit: 3, row_count: 2 }] });
  expect(of('visits.guest→guests.guest')).toMatchObject({ verdict: 'failed', samples: [{ guest: 'ghost' }] });
  expect(of('visits.not_null(place)')).toMatchObject({ actual: 'NULL in 1 of 4 rows', samples: [{ visit: 3 }] });
  expect(of('visits.guest in (g0,g1,g2)')).toMatchObject({ samples: [{ guest: 'ghost', row_count: 1 }] });
  expect(of('visits.row_count')).toMatchObject({ verdict: 'failed', expected: 'at most 3 rows', actual: '4 rows' });
  expect(of('rows')).toMatchObject({ verdict: 'failed', expected: '[[1],[2],[3]]', actual: '[[1],[2],[3],[3]]' });
  expect(of('row_accounting')).toMatchObject({ verdict: 'failed', actual: 'visits has 4 rows, its records are 3' });
});
