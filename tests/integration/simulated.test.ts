import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DefectLabel, localFolderSink, type SimulationTruth, simulate } from '../../src/simulator/index.ts';
import { engines, type TestWarehouse } from '../warehouse/engines.ts';
import { type EngineRun, engineRun } from './engine-runs.ts';

/** A month with every kind of planted defect: what the simulator knows is what the warehouse must hold. */
let directory: string;
let truth: SimulationTruth;
const checksums = new Map<string, Readonly<Record<string, string>>>();

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sparkify-simulated-'));
  truth = await simulate({ seed: 11, users: 150, songs: 400, defects: 'all' }, localFolderSink(directory));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const lines = <T>(file: string): readonly T[] =>
  readFileSync(join(directory, file), 'utf8')
    .split('\n')
    .filter((l) => l !== '')
    .map((l) => JSON.parse(l) as T);

describe.each(engines)('simulated data with every defect on $name', ({ name, open }) => {
  let warehouse: TestWarehouse;
  let star: EngineRun;

  beforeAll(async () => {
    warehouse = await open();
    star = engineRun(warehouse.warehouse, {
      logData: join(directory, 'log_data'),
      songData: join(directory, 'song_data'),
    });
    await star.run();
    checksums.set(name, await star.checksums());
  });
  afterAll(async () => warehouse?.dispose());

  test('the counts of every table and source are the true ones', async () => {
    const counts = Object.fromEntries(
      await Promise.all(
        ['songplays', 'users', 'songs', 'artists', 'time'].map(async (t) => [
          t,
          Number(await star.one(`select count(*) from ${t}`)),
        ]),
      ),
    );
    const { staging_events: _events, staging_songs: _songs, ...tables } = truth.tables;
    expect(counts).toEqual(tables);
    expect(Number(await star.one('select count(*) from songplays where song_id is not null'))).toBe(
      truth.matched.titleArtist,
    );
    const sources = await star.rows(
      'select staging, count(*) as f, sum(records_read) as r, sum(records_staged) as s, sum(records_quarantined) as q from sparkify_ledger.objects group by staging order by staging',
    );
    expect(sources.map((r) => r.map((v) => (typeof v === 'string' ? v : Number(v))))).toEqual([
      [
        'staging_events',
        truth.records.events.files,
        truth.records.events.read,
        truth.records.events.staged,
        truth.records.events.quarantined,
      ],
      [
        'staging_songs',
        truth.records.songs.files,
        truth.records.songs.read,
        truth.records.songs.staged,
        truth.records.songs.quarantined,
      ],
    ]);
  });

  test('every planted bad record is in quarantine with its line, reason and column, and nothing else is', async () => {
    const found = await star.rows(
      'select o.uri, q.line, q.ordinal, q.reason, q.column_name from sparkify_ledger.quarantine q join sparkify_ledger.objects o on o.object_id = q.object_id',
    );
    const keyOf = (uri: unknown) => decodeURIComponent(String(uri)).slice(String(`file://${directory}/`).length);
    const actual = found.map(([uri, ...rest]) => [keyOf(uri), ...rest].join(' ')).sort();
    const expected = lines<DefectLabel>('truth-defects.ndjson')
      .filter((d) => d.reason !== null)
      .map((d) => [d.key, d.line, d.ordinal, d.reason, d.column].join(' '))
      .sort();
    expect(actual.length).toBeGreaterThan(50);
    expect(actual).toEqual(expected);
  });

  test('the true song of every play', async () => {
    const plays = await star.rows('select songplay_id, song_id, artist_id from songplays order by songplay_id');
    const days = Object.keys(truth.plays.byDay).map(
      (d) => `truth-plays/${d.slice(0, 4)}/${d.slice(5, 7)}/${d}-plays.ndjson`,
    );
    const expected = days
      .flatMap((f) => lines<{ songplay_id: number; song_id: string | null; artist_id: string | null }>(f))
      .map((p) => [p.songplay_id, p.song_id, p.artist_id]);
    expected.sort((a, b) => Number(a[0]) - Number(b[0]));
    expect(plays).toEqual(expected);
  });

  test('the rows of users and artists', async () => {
    expect(await star.rows('select user_id, first_name, last_name, gender, level from users order by user_id')).toEqual(
      lines<object>('truth-users.ndjson').map((u) => Object.values(u)),
    );
    const artists = await star.rows('select artist_id, name, location, latitude, longitude from artists');
    const byId = (a: readonly unknown[], b: readonly unknown[]) =>
      Buffer.compare(Buffer.from(String(a[0])), Buffer.from(String(b[0])));
    expect([...artists].sort(byId)).toEqual(
      lines<object>('truth-artists.ndjson')
        .map((a) => Object.values(a))
        .sort(byId),
    );
  });
});

test('both engines hold the same rows', () => {
  expect(checksums.get('postgres')).toEqual(checksums.get('duckdb'));
});
