import { afterEach, describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/ledger/checks.ts';
import { type Check, check } from '../../src/pipeline/check.ts';
import { auditBatch } from '../../src/quality/audit.ts';
import { checkStar } from '../../src/quality/check-star.ts';
import { DAY, event, NOV_1, november, smallSparkify, song, stagingOf } from './small-sparkify.ts';
import { type SmallBatch, SmallWarehouse } from './small-warehouse.ts';

let open: SmallWarehouse[] = [];
afterEach(() => {
  for (const w of open) w.close();
  open = [];
});

async function warehouseWith(checks: readonly Check[]): Promise<SmallWarehouse> {
  const warehouse = await SmallWarehouse.open(smallSparkify(checks));
  open.push(warehouse);
  return warehouse;
}

/** Day 1: two plays, one of them of a known song. */
async function firstDay(warehouse: SmallWarehouse): Promise<SmallBatch> {
  const events = stagingOf(warehouse.pipeline, 'staging_events');
  const songs = stagingOf(warehouse.pipeline, 'staging_songs');
  const incoming = [
    ...(await warehouse.stage(events, [
      { uri: 'file:///1', records: [event(NOV_1, 1, 0, { song: 'T', artist: 'A' }), event(NOV_1 + 5, 1, 1)] },
    ])),
    ...(await warehouse.stage(songs, [{ uri: 'file:///s', records: [song('S1', 'T', 'A')] }])),
  ];
  return warehouse.begin({ incoming, interval: november(1) });
}

/** Day 2 on top of the published first: `records` come. */
async function secondDay(warehouse: SmallWarehouse, records: readonly ReturnType<typeof event>[]): Promise<SmallBatch> {
  await warehouse.publish(await firstDay(warehouse));
  const events = stagingOf(warehouse.pipeline, 'staging_events');
  const incoming = await warehouse.stage(events, [{ uri: 'file:///2', records }]);
  return warehouse.begin({ incoming, interval: november(2) });
}

const NOW = NOV_1 + 3 * DAY;
const day2 = [event(NOV_1 + DAY, 2, 0), event(NOV_1 + DAY + 9, 2, 1, { page: 'Home', level: 'paid' })];

interface Case {
  readonly title: string;
  readonly passing: Check;
  readonly failing: Check;
  readonly says: Partial<CheckResult>;
  readonly sample?: Record<string, unknown>;
  /** Breaks the batch (its delta beside the star) so that even a check which passed by nature fails. */
  readonly plant?: (batch: SmallBatch) => Promise<void>;
}

const addOf = (table: string) => `sparkify_batch."sparkify:add:${table}"`;
const removeOf = (table: string) => `sparkify_batch."sparkify:remove:${table}"`;

const cases: readonly Case[] = [
  {
    title: 'notNull',
    passing: check.notNull('songplays', ['user_id', 'level']),
    failing: check.notNull('songplays', ['level', 'song_id']),
    says: { expected: 'no NULL in level, song_id' },
    sample: { songplay_id: 2 * 2 ** 20, song_id: null },
  },
  {
    title: 'unique',
    passing: check.unique('songplays', ['songplay_id']),
    failing: check.unique('songplays', ['location']),
    says: { expected: 'every location once', actual: '1 value more than once' },
    sample: { location: 'Paris' },
  },
  {
    title: 'references',
    passing: check.references('songplays', 'user_id', 'users', 'user_id'),
    failing: check.references('songplays', 'session_id', 'users', 'user_id'),
    says: { expected: 'every songplays.session_id in users.user_id' },
    sample: { songplay_id: 2 * 2 ** 20, session_id: 2 },
  },
  {
    title: 'acceptedValues',
    passing: check.acceptedValues('users', 'level', ['free', 'paid']),
    failing: check.acceptedValues('users', 'level', ['free']),
    says: { expected: 'only free' },
    sample: { level: 'paid', row_count: 1 },
  },
  {
    title: 'rowCount',
    passing: check.rowCount('songplays', { min: 3, max: 3 }),
    failing: check.rowCount('songplays', { min: 4 }),
    says: { expected: 'at least 4 rows', actual: '3 rows' },
  },
  {
    title: 'freshness',
    passing: check.freshness('songplays', 'start_time', 2 * DAY, { severity: 'error' }),
    failing: check.freshness('songplays', 'start_time', DAY, { severity: 'error' }),
    says: { expected: 'newest start_time at most 24 h old', actual: '2018-11-02T00:00:00.000Z, 2 days old' },
  },
  {
    title: 'expected, a single value',
    passing: check.expected('plays', 'select count(*) from songplays', 3),
    failing: check.expected('plays', 'select count(*) from songplays;', 2),
    says: { expected: '2', actual: '3' },
  },
  {
    title: 'expected, rows',
    passing: check.expected('levels', 'select level, count(*) from users group by level order by level', [['paid', 1]]),
    failing: check.expected('levels', 'select level, count(*) as n from users group by level', [['free', 1]]),
    says: { expected: '[["free",1]]', actual: '[["paid",1]]' },
    sample: { level: 'paid', n: 1 },
  },
];

describe.each(cases)('$title', ({ passing, failing, says, sample }) => {
  for (const mode of ['gate', 'full'] as const) {
    it(`passes and fails in mode ${mode}, with expected, actual and sample rows`, async () => {
      const warehouse = await warehouseWith([passing, failing]);
      const batch = await secondDay(warehouse, day2);
      expect(batch.deltas.find((d) => d.table === 'songplays')).toMatchObject({ mode: 'merge', added: 1 });
      let results: readonly CheckResult[];
      if (mode === 'gate') results = await auditBatch(batch.context, batch.deltas, [passing, failing], { nowMs: NOW });
      else {
        await warehouse.publish(batch);
        const options = { standing: await warehouse.standing(), schema: 'main', nowMs: NOW };
        results = await checkStar(warehouse.session, options);
      }
      expect(results.map((r) => r.verdict)).toEqual(['passed', 'failed']);
      expect(results[1]).toMatchObject({ name: failing.name, severity: 'error', ...says });
      expect(results[1]!.actual).not.toBe('');
      if (sample !== undefined) expect(results[1]!.samples).toContainEqual(expect.objectContaining(sample));
    });
  }
});

describe('the gate, on what a batch brings', () => {
  const plantings: readonly {
    readonly title: string;
    readonly check: Check;
    readonly plant: string;
    readonly replace?: boolean;
  }[] = [
    {
      title: 'a NULL among the new rows',
      check: check.notNull('songplays', ['level']),
      plant: `update ${addOf('songplays')} set level = null`,
    },
    {
      title: 'a new row with a key of the star',
      check: check.unique('songplays', ['songplay_id']),
      plant: `update ${addOf('songplays')} set songplay_id = ${2 ** 20}`,
    },
    {
      title: 'two new rows with one key',
      check: check.unique('songplays', ['songplay_id']),
      plant: `insert into ${addOf('songplays')} select * from ${addOf('songplays')}`,
    },
    {
      title: 'a new play of an unknown user',
      check: check.references('songplays', 'user_id', 'users', 'user_id'),
      plant: `update ${addOf('songplays')} set user_id = 99`,
    },
    {
      title: 'a moment removed that plays still have',
      check: check.references('songplays', 'start_time', 'time', 'start_time'),
      plant: `insert into ${removeOf('time')} select * from main.time limit 1`,
    },
    {
      title: 'a fact that gains another number of rows than its records',
      check: check.rowAccounting(),
      plant: `insert into ${addOf('songplays')} select * replace (songplay_id + 1 as songplay_id) from ${addOf('songplays')}`,
    },
  ];
  it.each(plantings)('sees $title', async ({ check: one, plant }) => {
    const warehouse = await warehouseWith([one]);
    const batch = await secondDay(warehouse, day2);
    const before = await auditBatch(batch.context, batch.deltas, [one], { nowMs: NOW });
    expect(before).toMatchObject([{ verdict: 'passed' }]);
    await warehouse.session.exec(plant);
    const { findDelta } = await import('../../src/star/delta.ts');
    const planted = await Promise.all(
      warehouse.pipeline.tables.map(async (t, i) => (await findDelta(batch.context, t)) ?? batch.deltas[i]!),
    );
    const after = await auditBatch(batch.context, planted, [one], { nowMs: NOW });
    expect(after).toMatchObject([{ verdict: 'failed' }]);
  });
});

describe('rowAccounting', () => {
  it('adds up for a first load, a merge, and what is published', async () => {
    const warehouse = await warehouseWith([check.rowAccounting()]);
    const first = await firstDay(warehouse);
    const [gate] = await auditBatch(first.context, first.deltas, warehouse.pipeline.checks, { nowMs: NOW });
    expect(gate).toMatchObject({ verdict: 'passed', actual: 'read 3 = staged 3 + quarantined 0; songplays +2' });
    await warehouse.publish(first);
    const [full] = await checkStar(warehouse.session, {
      standing: await warehouse.standing(),
      schema: 'main',
      nowMs: NOW,
    });
    expect(full).toMatchObject({ verdict: 'passed', actual: 'read 3 = staged 3 + quarantined 0; songplays 2' });
  });

  it.each([
    ['an object whose parts do not add up', 'update sparkify_ledger.objects set records_read = 9 where object_id = 1'],
    ['a segment with other rows than the ledger says', 'update sparkify_ledger.segments set row_count = 1'],
    [
      'a quarantine that lacks a record',
      'update sparkify_ledger.objects set records_quarantined = 1, records_read = records_read + 1',
    ],
    ['a row that something else put into the fact', 'insert into main.songplays select * from main.songplays limit 1'],
  ])('sees %s', async (_title, plant) => {
    const warehouse = await warehouseWith([check.rowAccounting()]);
    await warehouse.publish(await firstDay(warehouse));
    await warehouse.session.exec(plant);
    const [full] = await checkStar(warehouse.session, {
      standing: await warehouse.standing(),
      schema: 'main',
      nowMs: NOW,
    });
    expect(full).toMatchObject({ verdict: 'failed' });
  });
});

describe('hasRows', () => {
  const hasRows = smallSparkify().tables.map((t) => check.hasRows(t.name));

  it('passes for an empty table without records for it', async () => {
    const warehouse = await warehouseWith(hasRows);
    const events = stagingOf(warehouse.pipeline, 'staging_events');
    const incoming = await warehouse.stage(events, [
      { uri: 'file:///1', records: [event(NOV_1, 1, 0, { page: 'Home' })] },
    ]);
    const batch = await warehouse.begin({ incoming, interval: november(1) });
    const results = await auditBatch(batch.context, batch.deltas, hasRows, { nowMs: NOW });
    expect(Object.fromEntries(results.map((r) => [r.table, r.actual]))).toEqual({
      songplays: '0 rows, no records',
      users: '1 row',
      songs: '0 rows, no records',
      artists: '0 rows, no records',
      time: '0 rows, no records',
    });
    expect(results.every((r) => r.verdict === 'passed')).toBe(true);
  });

  it('fails for a table that is empty although it has records', async () => {
    const warehouse = await warehouseWith(hasRows);
    const batch = await firstDay(warehouse);
    await warehouse.session.exec('delete from main."songplays$next"; delete from main."time$next"');
    const gate = await auditBatch(batch.context, batch.deltas, hasRows, { nowMs: NOW });
    expect(gate.filter((r) => r.verdict === 'failed').map((r) => r.table)).toEqual(['songplays', 'time']);
    await warehouse.publish(batch);
    const full = await checkStar(warehouse.session, {
      standing: await warehouse.standing(),
      schema: 'main',
      nowMs: NOW,
    });
    expect(full.filter((r) => r.verdict === 'failed').map((r) => r.table)).toEqual(['songplays', 'time']);
  });
});

describe('a check that cannot be carried out', () => {
  const broken = check.expected('broken', 'select nothing_here from songplays', 1);
  const wrongName = check.notNull('songplays', ['nope']);
  const converts = check.expected('converts', 'select cast(level as integer) from songplays', 1);
  const fine = check.rowCount('songplays', { min: 1 });

  it('has the verdict error, and the checks behind it are carried out', async () => {
    const warehouse = await warehouseWith([broken, wrongName, converts, fine]);
    await warehouse.publish(await firstDay(warehouse));
    await warehouse.session.exec('begin transaction');
    const results = await checkStar(warehouse.session, {
      standing: await warehouse.standing(),
      schema: 'main',
      nowMs: NOW,
    });
    await warehouse.session.exec('rollback');
    expect(results.map((r) => r.verdict)).toEqual(['error', 'failed', 'error', 'passed']);
    expect(results[0]!.actual).toContain('nothing_here');
    expect(results[1]!.actual).toBe('there is no column songplays.nope');
  });
});
