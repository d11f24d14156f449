import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { armedFailpoint } from '../../src/core/failpoints.ts';
import { ledgerReport } from '../../src/lineage/ledger-report.ts';
import { trace } from '../../src/lineage/trace.ts';
import { correctRecords, discardRecords, replayRecords } from '../../src/operators/quarantine.ts';
import { checkStar } from '../../src/quality/check-star.ts';
import { VisitsWorld, visit } from './visits.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

let world: VisitsWorld;
/** Visits 1 and 3 are good; 2 is cut, 4 is beyond the largest place, 5 has no guest. */
beforeEach(async () => {
  world = await new VisitsWorld().open();
  world.write('a.json', [visit(1), '{"visit": 2, "ts"', visit(3), visit(4, { place: 50 })]);
  world.write('b.json', [visit(5, { guest: null })]);
  await world.run();
});
afterEach(() => world.close());

const CUT = 1;
const FAR = 2;
const GUESTLESS = 3;

it('begins with three records in quarantine', async () => {
  const found = (await world.quarantine()).map((e) => [e.quarantine_id, e.reason, e.line, e.state]);
  expect(found).toEqual([
    [CUT, 'malformed_json', 2, 'quarantined'],
    [FAR, 'out_of_range', 4, 'quarantined'],
    [GUESTLESS, 'missing_field', 1, 'quarantined'],
  ]);
  expect(await world.visits()).toEqual([1, 3]);
});

describe('correcting', () => {
  it('stages the new text, the next run publishes it, and it leads back to its text', async () => {
    const text = visit(2, { guest: 'new' });
    const report = await correctRecords(world.options(), [{ id: CUT, text: bytes(text), note: 'by hand' }]);
    expect(report).toMatchObject({ staged: [{ id: CUT, records: 1 }], already: [], failed: [] });
    expect(await world.visits()).toEqual([1, 3]);
    expect((await world.quarantine())[0]).toMatchObject({ state: 'corrected', note: 'by hand' });

    expect((await world.run()).outcome).toBe('published');
    expect(await world.visits()).toEqual([1, 2, 3]);
    expect((await world.rows('guests')).map((r) => r.guest)).toContain('new');
    expect((await world.run()).outcome).toBe('nothing-new');

    const traced = await world.standing((standing) =>
      trace({ standing, table: 'visits', key: '2', readVersion: async () => undefined }),
    );
    expect(traced.records).toMatchObject([{ role: 'winner', raw: text, line: 1 }]);
    expect(traced.records[0]!.uri).toMatch(/^corrections:visits\/staging_visits\/1-[0-9a-f]{8}$/);
    const { total } = await world.standing(ledgerReport);
    expect(total).toMatchObject({ objects: 3, read: 6, staged: 3, quarantined: 3, loaded: 3 });
    const verdicts = await world.standing((standing) =>
      checkStar(standing.session, { standing, schema: 'main', nowMs: 0 }),
    );
    expect(verdicts.filter((v) => v.verdict !== 'passed')).toEqual([]);
  });

  it('refuses a text that a file could not have either, and leaves nothing behind', async () => {
    const segments = () => readdirSync(join(world.warehouse.segments.directory, 'visits/staging_visits'));
    const before = segments();
    for (const text of ['', '{"visit": 2', visit(2, { place: 1.5 }), `${visit(2)}\n${visit(6, { ts: 5 })}`]) {
      await expect(correctRecords(world.options(), [{ id: CUT, text: bytes(text) }])).rejects.toMatchObject({
        code: 'CORRECTION_INVALID',
      });
    }
    expect(segments()).toEqual(before);
    expect((await world.quarantine())[0]).toMatchObject({ state: 'quarantined', reason: 'malformed_json' });
  });

  it('takes all of several corrections as one segment, or none of them', async () => {
    const good = { id: CUT, text: bytes(visit(2)) };
    const bad = { id: FAR, text: bytes('nonsense') };
    await expect(correctRecords(world.options(), [good, bad])).rejects.toMatchObject({ code: 'CORRECTION_INVALID' });
    const both = [good, { id: GUESTLESS, text: bytes(`${visit(5)}\n${visit(6)}`) }];
    const report = await correctRecords(world.options(), both);
    expect(report.staged).toMatchObject([{ records: 1 }, { records: 2 }]);
    const segments = await world.warehouse.read((s) =>
      s.all('select path from sparkify_ledger.segments where row_count = 3'),
    );
    expect(segments).toHaveLength(1);
    await world.run();
    expect(await world.visits()).toEqual([1, 2, 3, 5, 6]);
  });

  it('does nothing the second time, and refuses another text for a settled record', async () => {
    const correction = { id: CUT, text: bytes(visit(2)) };
    await correctRecords(world.options(), [correction]);
    expect(await correctRecords(world.options(), [correction])).toEqual({ staged: [], already: [CUT], failed: [] });
    await expect(correctRecords(world.options(), [{ id: CUT, text: bytes(visit(9)) }])).rejects.toMatchObject({
      code: 'QUARANTINE_SETTLED',
    });
    await expect(correctRecords(world.options(), [{ id: 99, text: bytes(visit(9)) }])).rejects.toMatchObject({
      code: 'QUARANTINE_UNKNOWN',
    });
  });

  it('goes when the version it belongs to is replaced', async () => {
    await correctRecords(world.options(), [{ id: CUT, text: bytes(visit(2)) }]);
    await world.run();
    world.write('a.json', [visit(1), visit(7)]);
    await world.run();
    expect(await world.visits()).toEqual([1, 7]);
    await expect(correctRecords(world.options(), [{ id: FAR, text: bytes(visit(4)) }])).rejects.toThrow(/replaced/);
  });

  it('outlasts a rebuild, and a rebuild from the sources', async () => {
    await correctRecords(world.options(), [{ id: CUT, text: bytes(visit(2)) }]);
    await discardRecords(world.warehouse, 'visits', [GUESTLESS], 'nobody');
    await world.run();
    const before = [await world.rows('visits'), await world.rows('guests')];
    await world.run({ rebuild: true });
    expect([await world.rows('visits'), await world.rows('guests')]).toEqual(before);
    await world.run({ rebuild: true, fromSources: true });
    expect([await world.rows('visits'), await world.rows('guests')]).toEqual(before);
    const open = (await world.quarantine()).filter((e) => e.object_state === 'live');
    expect(open.map((e) => [e.reason, e.state])).toEqual([
      ['malformed_json', 'corrected'],
      ['out_of_range', 'quarantined'],
      ['missing_field', 'discarded'],
    ]);
    expect((await world.run()).outcome).toBe('nothing-new');
  });
});

describe('replaying', () => {
  it('judges a line as the line it was: two objects on it stay in quarantine', async () => {
    world.write('c.json', [visit(6), `${visit(7)} ${visit(8)}`, visit(9)]);
    await world.run();
    const doubled = 4;
    expect((await world.quarantine()).at(-1)).toMatchObject({
      quarantine_id: doubled,
      reason: 'several_values_on_a_line',
    });
    expect(await replayRecords(world.options(), [doubled])).toMatchObject({
      staged: [],
      failed: [{ id: doubled, reason: 'several_values_on_a_line' }],
    });
    // A person may make two records of it, by writing them on two lines.
    const text = `${visit(7)}\n${visit(8)}`;
    const report = await correctRecords(world.options(), [{ id: doubled, text: bytes(text), note: 'two of it' }]);
    expect(report).toMatchObject({ staged: [{ id: doubled, records: 2 }] });
    await world.run();
    expect(await world.visits()).toEqual([1, 3, 6, 7, 8, 9]);
  });

  it('takes what the definition accepts now; what fails again stays, with its reason', async () => {
    expect(await replayRecords(world.options())).toMatchObject({
      staged: [],
      failed: [
        { id: CUT, reason: 'malformed_json' },
        { id: FAR, reason: 'out_of_range' },
        { id: GUESTLESS, reason: 'missing_field' },
      ],
    });
    world.maxPlace = 100;
    expect(await replayRecords(world.options(), [FAR, GUESTLESS])).toMatchObject({
      staged: [{ id: FAR, records: 1 }],
      failed: [{ id: GUESTLESS }],
    });
    await expect(world.run()).rejects.toMatchObject({ code: 'DEFINITION_CHANGED' });
    await world.run({ rebuild: true });
    await world.run();
    expect(await world.visits()).toEqual([1, 3, 4]);
    expect((await world.quarantine()).map((e) => e.state)).toEqual(['quarantined', 'replayed', 'quarantined']);
  });
});

describe('discarding', () => {
  it('is recorded with its note, once', async () => {
    expect(await discardRecords(world.warehouse, 'visits', [CUT, FAR], 'test traffic')).toEqual([CUT, FAR]);
    expect(await discardRecords(world.warehouse, 'visits', [CUT, FAR], 'again')).toEqual([]);
    expect((await world.quarantine()).slice(0, 2)).toMatchObject([
      { state: 'discarded', note: 'test traffic' },
      { state: 'discarded', note: 'test traffic' },
    ]);
    await expect(correctRecords(world.options(), [{ id: CUT, text: bytes(visit(2)) }])).rejects.toMatchObject({
      code: 'QUARANTINE_SETTLED',
    });
    await expect(discardRecords(world.warehouse, 'visits', [77])).rejects.toMatchObject({ code: 'QUARANTINE_UNKNOWN' });
  });
});

describe('ending anywhere', () => {
  it.each([
    'spool.before',
    'spool.after',
    'segment.before',
    'segment.after-write',
    'segment.after',
    'correction.before',
    'correction.after',
    'stage.before',
    'stage.after',
  ])('at %s, the same correction again ends as if nothing had happened', async (name) => {
    const dies = armedFailpoint(name, () => {
      throw new Error('dies here');
    });
    const correction = { id: CUT, text: bytes(visit(2)) };
    await expect(correctRecords(world.options(dies), [correction])).rejects.toThrow();
    const report = await correctRecords(world.options(), [correction]);
    expect(report.staged.length + report.already.length).toBe(1);
    await world.run();
    expect(await world.visits()).toEqual([1, 2, 3]);
    const { total } = await world.standing(ledgerReport);
    expect(total).toMatchObject({ objects: 3, staged: 3 });
    const files = readdirSync(join(world.warehouse.segments.directory, 'visits/staging_visits'));
    expect(files).toHaveLength(2);
  });
});

describe('the share of an object in quarantine', () => {
  it('stops the run, until what stopped it is discarded', async () => {
    const good = Array.from({ length: 94 }, (_, i) => visit(100 + i));
    world.write('c.json', [...good, ...Array<string>(6).fill('{')]);
    await expect(world.run()).rejects.toMatchObject({ code: 'QUARANTINE_SHARE' });
    const open = (await world.quarantine()).filter((e) => e.uri.endsWith('c.json')).map((e) => e.quarantine_id);
    await discardRecords(world.warehouse, 'visits', open.slice(0, 1));
    await world.run();
    expect(await world.visits()).toHaveLength(96);
  });
});
