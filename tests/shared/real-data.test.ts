import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EngineRun, engineRun } from '../integration/engine-runs.ts';
import { engines, type TestWarehouse } from '../warehouse/engines.ts';

const data = join(process.env.SPARKIFY_SHARED ?? resolve(import.meta.dirname, '../../../shared'), 'data/sparkify');
if (!existsSync(data))
  throw new Error(`The shared data is not at ${data}; set SPARKIFY_SHARED to the folder that holds data/sparkify.`);

const checksums = new Map<string, Readonly<Record<string, string>>>();

/** The reference results of the real logs and songs; the figures were computed apart from this project. */
describe.each(engines)('the real data on $name', ({ name, open }) => {
  let warehouse: TestWarehouse;
  let star: EngineRun;

  beforeAll(async () => {
    warehouse = await open();
    star = engineRun(warehouse.warehouse, {
      logData: join(data, 'log_data'),
      songData: join(data, 'song_data'),
      logJsonPaths: join(data, 'log_json_path.json'),
    });
    const report = await star.run();
    expect(report.outcome).toBe('published');
    checksums.set(name, await star.checksums());
  });
  afterAll(async () => warehouse?.dispose());

  test('row counts', async () => {
    const counts = Object.fromEntries(
      await Promise.all(
        ['songplays', 'users', 'songs', 'artists', 'time'].map(async (t) => [
          t,
          await star.one(`select count(*) from ${t}`),
        ]),
      ),
    );
    expect(counts).toEqual({ songplays: 6820, users: 97, songs: 71, artists: 69, time: 6813 });
  });

  test('every record was staged', async () => {
    expect(
      await star.rows(
        'select staging, sum(records_read) as r, sum(records_staged) as s, sum(records_quarantined) as q from sparkify_ledger.objects group by staging order by staging',
      ),
    ).toEqual([
      ['staging_events', 8056, 8056, 0],
      ['staging_songs', 71, 71, 0],
    ]);
  });

  test('one play is matched', async () => {
    expect(await star.rows('select song_id, artist_id, user_id from songplays where song_id is not null')).toEqual([
      ['SOZCTXZ12AB0182364', 'AR5KOSW1187FB35FF4', 15],
    ]);
  });

  test.each([
    ['paid plays', "select count(*) from songplays where level = 'paid'", 5591],
    ['free plays', "select count(*) from songplays where level = 'free'", 1229],
    [
      'plays of women',
      "select count(*) from songplays p join users u on u.user_id = p.user_id where gender = 'F'",
      4887,
    ],
    ['women', "select count(*) from users where gender = 'F'", 55],
    [
      'plays at 16 h',
      'select count(*) from songplays p join time t on t.start_time = p.start_time where hour = 16',
      542,
    ],
    ['plays at 3 h', 'select count(*) from songplays p join time t on t.start_time = p.start_time where hour = 3', 109],
    [
      'plays on Wednesdays',
      'select count(*) from songplays p join time t on t.start_time = p.start_time where weekday = 3',
      1364,
    ],
    [
      'plays on Sundays',
      'select count(*) from songplays p join time t on t.start_time = p.start_time where weekday = 0',
      396,
    ],
    [
      'plays on 15 November',
      'select count(*) from songplays p join time t on t.start_time = p.start_time where day = 15',
      479,
    ],
    ['San Francisco', "select count(*) from songplays where location like 'San Francisco-Oakland-Hayward%'", 691],
    ['the longest session', 'select max(n) from (select count(*) as n from songplays group by session_id) s', 117],
    ['wrapped agents', "select count(*) from songplays where user_agent like '\"%'", 0],
    ['unknown locations kept as text', "select count(*) from artists where location = ''", 0],
    ['unknown years kept as 0', 'select count(*) from songs where year = 0', 0],
  ])('%s', async (_what, sql, expected) => {
    expect(Number(await star.one(sql))).toBe(expected);
  });

  test('plays per ISO week', async () => {
    expect(
      await star.rows(
        'select week, count(*) as n from songplays p join time t on t.start_time = p.start_time group by week order by week',
      ),
    ).toEqual([
      [44, 410],
      [45, 1257],
      [46, 1958],
      [47, 1711],
      [48, 1484],
    ]);
  });

  test('most active users', async () => {
    expect(
      await star.rows('select user_id, count(*) as n from songplays group by user_id order by n desc, user_id limit 5'),
    ).toEqual([
      [49, 689],
      [80, 665],
      [97, 557],
      [15, 463],
      [44, 397],
    ]);
  });

  test('a second run finds nothing new; a rebuild changes no row', async () => {
    expect((await star.run()).outcome).toBe('nothing-new');
    await star.run({ rebuild: true });
    expect(await star.checksums()).toEqual(checksums.get(name));
  });

  test('an hour of a daily file takes its own hour', async () => {
    const other = await open();
    try {
      const hourly = engineRun(other.warehouse, { logData: join(data, 'log_data'), songData: join(data, 'song_data') });
      const startMs = Date.UTC(2018, 10, 15, 16);
      await hourly.run({ interval: { startMs, endMs: startMs + 3_600_000 } });
      const there = Number(
        await star.one(
          "select count(*) from songplays where start_time >= timestamp '2018-11-15 16:00:00' and start_time < timestamp '2018-11-15 17:00:00'",
        ),
      );
      expect(Number(await hourly.one('select count(*) from songplays'))).toBe(there);
      expect(there).toBeGreaterThan(0);
    } finally {
      await other.dispose();
    }
  });
});

test('both engines hold the same rows', () => {
  expect(checksums.get('postgres')).toEqual(checksums.get('duckdb'));
});
