import fc from 'fast-check';
import { expect, it } from 'vitest';
import { qualified } from '../../src/core/quoting.ts';
import type { CheckResult } from '../../src/ledger/checks.ts';
import { check } from '../../src/pipeline/check.ts';
import { auditBatch } from '../../src/quality/audit.ts';
import { checkStar } from '../../src/quality/check-star.ts';
import { findDelta } from '../../src/star/delta.ts';
import { batchTable, nextTableName } from '../../src/star/names.ts';
import { DAY, event, NOV_1, november, smallSparkify, song, stagingOf } from './small-sparkify.ts';
import { type SmallBatch, SmallWarehouse } from './small-warehouse.ts';

/** Checks that hold for every sound star, and others that some data breaks. */
const checks = [
  check.notNull('songplays', ['level', 'user_id']),
  check.notNull('users', ['first_name']),
  check.unique('songplays', ['songplay_id']),
  check.unique('songplays', ['user_id', 'start_time']),
  check.unique('users', ['user_id']),
  check.unique('time', ['start_time']),
  check.references('songplays', 'user_id', 'users', 'user_id'),
  check.references('songplays', 'start_time', 'time', 'start_time'),
  check.references('songplays', 'song_id', 'songs', 'song_id'),
  check.references('songplays', 'session_id', 'users', 'user_id'),
  check.references('songs', 'artist_id', 'artists', 'artist_id'),
  check.acceptedValues('songplays', 'level', ['free', 'paid']),
  check.acceptedValues('users', 'level', ['free', 'paid']),
  check.rowCount('songplays', { min: 1, max: 4 }),
  check.freshness('songplays', 'start_time', 1.5 * DAY),
  check.expected('plays of songs', 'select count(*) from songplays p join songs s on s.song_id = p.song_id', 0),
  check.rowAccounting(),
  ...smallSparkify().tables.map((t) => check.hasRows(t.name)),
];
/** Of these the verdict is about the whole star in both modes. */
const whole = new Set(['rowCount', 'freshness', 'expected', 'hasRows']);

const anyEvent = fc
  .record({
    session: fc.integer({ min: 1, max: 3 }),
    item: fc.integer({ min: 0, max: 2 }),
    hour: fc.integer({ min: 0, max: 5 }),
    user_id: fc.constantFrom('1', '2', '3', ''),
    level: fc.constantFrom('free', 'paid', 'free', 'gold'),
    page: fc.constantFrom('NextSong', 'NextSong', 'Home'),
    song: fc.constantFrom('T1', 'T2', 'none'),
    first_name: fc.constantFrom('Ada', 'Bob', 'Ada', null),
  })
  .map(({ session, item, hour, ...rest }) => event(NOV_1 + (hour * DAY) / 2, session, item, { ...rest, artist: 'A' }));

const anySong = fc
  .record({
    id: fc.integer({ min: 1, max: 3 }),
    title: fc.constantFrom('T1', 'T2'),
    duration: fc.constantFrom(99, 103),
  })
  .map(({ id, ...rest }) => song(`S${id}`, rest.title, 'A', { duration: rest.duration, artist_id: `AR${id % 2}` }));

/** What goes wrong beside the records: something changes the rows that a batch is to add. */
const anyDamage = fc.option(
  fc.record({
    table: fc.constantFrom('songplays', 'users', 'songs', 'artists', 'time'),
    kind: fc.constantFrom('double', 'drop', 'reference', 'null', 'key', 'empty'),
  }),
  { freq: 2 },
);

const anyStep = fc.record({
  events: fc.array(anyEvent, { maxLength: 5 }),
  songs: fc.array(anySong, { maxLength: 2 }),
  retire: fc.nat(5),
  day: fc.integer({ min: 1, max: 3 }),
  days: fc.integer({ min: 1, max: 2 }),
  damage: anyDamage,
});

type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

async function beginStep(warehouse: SmallWarehouse, step: Step, live: number[]): Promise<SmallBatch> {
  const { pipeline } = warehouse;
  const incoming: number[] = [];
  if (step.events.length > 0) {
    const cut = Math.ceil(step.events.length / 2);
    const objects = [step.events.slice(0, cut), step.events.slice(cut)].map((records, i) => ({
      uri: `file:///${i}`,
      records,
    }));
    incoming.push(...(await warehouse.stage(stagingOf(pipeline, 'staging_events'), objects)));
  }
  if (step.songs.length > 0)
    incoming.push(
      ...(await warehouse.stage(stagingOf(pipeline, 'staging_songs'), [{ uri: 'file:///s', records: step.songs }])),
    );
  const outgoing = step.retire < live.length ? live.splice(step.retire, 1) : [];
  live.push(...incoming);
  return warehouse.begin({ incoming, outgoing, interval: november(step.day, step.days) });
}

async function damage(warehouse: SmallWarehouse, batch: SmallBatch, step: Step): Promise<SmallBatch> {
  if (step.damage === null) return batch;
  const { table: name, kind } = step.damage;
  const { session, pipeline } = warehouse;
  const table = pipeline.tables.find((t) => t.name === name)!;
  const delta = batch.deltas.find((d) => d.table === name)!;
  if (delta.mode === 'none') return batch;
  const rows = delta.mode === 'replace' ? qualified('main', nextTableName(name)) : batchTable('sparkify', 'add', name);
  const key = table.key[0]!;
  const last = table.columns.at(-1)!;
  const one = `${key} = (select max(${key}) from ${rows})`;
  const reference = table.columns.find((c) => c.references !== undefined);
  const value =
    reference?.type === 'text' ? "'nobody'" : reference?.type === 'timestamp' ? "timestamp '2018-11-07'" : '77';
  const statement = {
    double: `insert into ${rows} select * from ${rows} where ${one}`,
    empty: `delete from ${rows}`,
    drop: `delete from ${rows} where ${one}`,
    reference: reference === undefined ? 'select 1' : `update ${rows} set ${reference.name} = ${value} where ${one}`,
    null: last.nullable ? `update ${rows} set ${last.name} = null where ${one}` : 'select 1',
    key: `update ${rows} set ${key} = coalesce((select min(${key}) from main.${name}), ${key}) where ${one}`,
  }[kind];
  await session.exec(statement);
  const deltas = [];
  for (const [i, t] of pipeline.tables.entries()) deltas.push((await findDelta(batch.context, t)) ?? batch.deltas[i]!);
  return { ...batch, deltas };
}

it('at the gate a check says of the delta what it says of the whole star afterwards', async () => {
  const seen = new Map<string, Set<string>>();
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 3 }), async (steps) => {
      const warehouse = await SmallWarehouse.open(smallSparkify(checks));
      const nowMs = NOV_1 + 3 * DAY;
      const full = async (): Promise<readonly CheckResult[]> =>
        checkStar(warehouse.session, { standing: await warehouse.standing(), schema: 'main', nowMs });
      try {
        const live: number[] = [];
        let before = await full();
        for (const step of steps) {
          const batch = await damage(warehouse, await beginStep(warehouse, step, live), step);
          const gate = await auditBatch(batch.context, batch.deltas, checks, { nowMs });
          await warehouse.publish(batch);
          const after = await full();
          for (const [i, c] of checks.entries()) {
            const verdicts = { check: c.name, gate: gate[i]!.verdict, after: after[i]!.verdict };
            expect(['passed', 'failed']).toContain(verdicts.gate);
            seen.set(c.kind, (seen.get(c.kind) ?? new Set()).add(`${verdicts.gate}`));
            // What an earlier batch broke is not this one's; what this one breaks shows in both.
            if (whole.has(c.kind) || before[i]!.verdict === 'passed' || verdicts.gate === 'failed')
              expect(verdicts).toEqual({ ...verdicts, after: verdicts.gate });
          }
          before = after;
          // On a damaged star nothing further is published: STAR_DIFFERS.
          if (step.damage !== null) break;
        }
      } finally {
        warehouse.close();
      }
    }),
    { numRuns: 30, seed: 7, endOnFailure: true },
  );
  // Else the property would hold of nothing.
  for (const c of checks) expect([c.kind, ...[...seen.get(c.kind)!].sort()]).toEqual([c.kind, 'failed', 'passed']);
}, 180_000);
