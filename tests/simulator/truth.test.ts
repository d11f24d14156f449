import { describe, expect, test } from 'vitest';
import { DEFECT_KINDS, type DefectLabel, type DefectName } from '../../src/simulator/index.ts';
import { bruteForce, type Star } from './brute-force.ts';
import { keysBelow, rows, type Simulated, simulated } from './memory-sink.ts';

function count<T>(items: readonly T[], key: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
}

function top(counts: Record<string, number>): [string, number][] {
  return Object.entries(counts)
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, 20);
}

/** Compares everything the simulator says with a star computed from its files alone. */
function expectTruth({ truth, files }: Simulated, star: Star): void {
  const { plays } = star;
  expect(truth.tables).toEqual({
    staging_events: star.stagedEvents,
    staging_songs: star.stagedSongs,
    songplays: plays.length,
    users: star.users.size,
    songs: star.songs.size,
    artists: star.artists.size,
    time: star.moments.size,
  });
  expect(truth.matched).toEqual({
    titleArtist: plays.filter((p) => p.match !== undefined).length,
    strict: plays.filter((p) => p.strict).length,
  });
  expect(truth.records.events.duplicated).toBe(star.duplicated);
  for (const source of ['events', 'songs'] as const) {
    const { read, staged, quarantined } = truth.records[source];
    expect(read).toBe(staged + quarantined);
  }
  expect(truth.records.events.files).toBe(keysBelow(files, 'log_data').length);
  expect(truth.records.songs.files).toBe(keysBelow(files, 'song_data').length);

  const at = (ms: number) => new Date(ms);
  expect(truth.plays.byDay).toEqual(count(plays, (p) => at(p.event.ts).toISOString().slice(0, 10)));
  const hours = count(plays, (p) => String(at(p.event.ts).getUTCHours()));
  expect(truth.plays.byHour).toEqual(Array.from({ length: 24 }, (_, h) => hours[h] ?? 0));
  const weekdays = count(plays, (p) => String(at(p.event.ts).getUTCDay()));
  expect(truth.plays.byWeekday).toEqual(Array.from({ length: 7 }, (_, d) => weekdays[d] ?? 0));
  expect(truth.plays.byLevel).toEqual({ free: 0, paid: 0, ...count(plays, (p) => p.event.level) });

  const matched = plays.filter((p) => p.match !== undefined);
  expect(truth.top.songs.map((s) => [s.song_id, s.plays])).toEqual(
    top(count(matched, (p) => p.match?.song_id as string)),
  );
  expect(truth.top.songs.map((s) => s.title)).toEqual(truth.top.songs.map((s) => star.songs.get(s.song_id)?.title));
  expect(truth.top.artists.map((s) => [s.artist_id, s.plays])).toEqual(
    top(count(matched, (p) => p.match?.artist_id as string)),
  );
  expect(truth.top.artists.map((s) => s.name)).toEqual(
    truth.top.artists.map((s) => star.artists.get(s.artist_id)?.artist_name),
  );
  expect(truth.top.loggedArtists.map((s) => [s.artist, s.plays])).toEqual(
    top(count(plays, (p) => p.event.artist as string)),
  );
  expect(truth.top.loggedSongs.map((s) => [`${s.artist}\u0000${s.song}`, s.plays])).toEqual(
    top(count(plays, (p) => `${p.event.artist}\u0000${p.event.song}`)),
  );
  const byUser = count(plays, (p) => p.event.userId);
  expect(truth.top.users.map((u) => u.plays)).toEqual(top(byUser).map(([, n]) => n));
  for (const user of truth.top.users) expect(byUser[user.user_id]).toBe(user.plays);

  expect(truth.levelHistory).toEqual(Object.fromEntries(star.levelHistory));
  expect(truth.usersByLevel).toEqual({ free: 0, paid: 0, ...count([...star.users.values()], (u) => u.level) });

  const byId = (a: { songplay_id: number }, b: { songplay_id: number }) => a.songplay_id - b.songplay_id;
  const told = keysBelow(files, 'truth-plays').flatMap((key) =>
    rows<{ songplay_id: number; true_song_id: string | null }>(files.get(key)),
  );
  expect(told.map(({ true_song_id: _, ...row }) => row).sort(byId)).toEqual(
    plays
      .map((p) => ({
        songplay_id: p.id,
        start_time: p.event.ts,
        song_id: p.match?.song_id ?? null,
        artist_id: p.match?.artist_id ?? null,
        strict: p.strict,
      }))
      .sort(byId),
  );
  expect(rows(files.get('truth-users.ndjson'))).toEqual(
    [...star.users]
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([id, u]) => ({
        user_id: Number(id),
        first_name: u.first,
        last_name: u.last,
        gender: u.gender,
        level: u.level,
      })),
  );
  const sorted = <T>(map: Map<string, T>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
  expect(rows(files.get('truth-songs.ndjson'))).toEqual(
    sorted(star.songs).map((s) => ({
      song_id: s.song_id,
      title: s.title,
      artist_id: s.artist_id,
      year: s.year || null,
      duration: s.duration,
    })),
  );
  expect(rows(files.get('truth-artists.ndjson'))).toEqual(
    sorted(star.artists).map((s) => ({
      artist_id: s.artist_id,
      name: s.artist_name,
      location: s.artist_location || null,
      latitude: s.artist_latitude,
      longitude: s.artist_longitude,
    })),
  );
  expect(JSON.parse((files.get('truth.json') as Buffer).toString())).toEqual(JSON.parse(JSON.stringify(truth)));
}

function labels(files: ReadonlyMap<string, Buffer>): DefectLabel[] {
  return rows<DefectLabel>(files.get('truth-defects.ndjson'));
}

const place = (r: { key: string; line: number | null; ordinal: number | null }) => `${r.key}#${r.line}#${r.ordinal}`;

function expectRejectedAsLabelled({ files, truth }: Simulated, star: Star): void {
  const planted = labels(files).filter((l) => l.reason !== null);
  expect(star.rejected.map(place).sort()).toEqual(planted.map(place).sort());
  expect(truth.quarantinedByReason).toEqual(count(planted, (l) => l.reason as string));
  expect(truth.defects).toEqual(count(labels(files), (l) => l.kind));
}

const CROWDED = {
  users: 60,
  songs: 400,
  from: '2018-10-20',
  to: '2018-11-08',
  config: { beta: 86_400, versions: 0.2 },
};

describe('truth', () => {
  test('is what the files say, without defects', async () => {
    const output = await simulated({ seed: 3, ...CROWDED });
    const star = bruteForce(output.files);
    expect(star.rejected).toEqual([]);
    expectTruth(output, star);
    expect(output.truth.tables.songplays).toBeGreaterThan(3000);
    expect(output.truth.tables.artists).toBeLessThan(output.truth.tables.songs);
    expect(output.truth.matched.titleArtist).toBe(output.truth.matched.strict);
  });

  test('is what the files say with every defect at its default rate', async () => {
    const output = await simulated({ seed: 4, ...CROWDED, defects: 'all' });
    const star = bruteForce(output.files);
    expectTruth(output, star);
    expectRejectedAsLabelled(output, star);
    expect(output.truth.matched.strict).toBeLessThan(output.truth.matched.titleArtist);
  });

  test('is what the files say when a third of the records is spoiled', async () => {
    const rates = Object.fromEntries(
      Object.entries(DEFECT_KINDS).map(([kind, { scope }]) => [
        kind,
        { event: 0.02, log_file: 0.15, song: 0.05 }[scope],
      ]),
    );
    const output = await simulated({
      seed: 8,
      ...CROWDED,
      users: 40,
      from: '2018-10-01',
      defects: { ...rates, maxQuarantineShare: 1 },
    });
    const star = bruteForce(output.files);
    expectTruth(output, star);
    expectRejectedAsLabelled(output, star);
    const missing = (Object.keys(DEFECT_KINDS) as DefectName[]).filter((kind) => !output.truth.defects[kind]);
    expect(missing).toEqual([]);
  });

  test('the test finds a truth that is wrong', async () => {
    const output = await simulated({ seed: 3, ...CROWDED });
    const key = keysBelow(output.files, 'log_data')[2] as string;
    const lines = (output.files.get(key) as Buffer).toString('latin1').split('\n');
    output.files.set(key, Buffer.from(lines.slice(1).join('\n'), 'latin1'));
    expect(() => expectTruth(output, bruteForce(output.files))).toThrow();
  });
});

describe('versions of a song', () => {
  test('some plays have several candidates, told apart by duration', async () => {
    const { files } = await simulated({ seed: 3, ...CROWDED });
    const star = bruteForce(files);
    const names = count([...star.songs.values()], (s) => `${s.artist_name}|${s.title}`);
    const contested = star.plays.filter((p) => (names[`${p.event.artist}|${p.event.song}`] ?? 0) > 1);
    expect(contested.length).toBeGreaterThan(20);
  });

  test('the true song of a play survives what was done to its text', async () => {
    const { files } = await simulated({ seed: 6, ...CROWDED, defects: { artist_variant: 1 } });
    const told = keysBelow(files, 'truth-plays').flatMap((key) =>
      rows<{ song_id: string | null; true_song_id: string | null }>(files.get(key)),
    );
    expect(told.every((p) => p.song_id === null)).toBe(true);
    expect(told.filter((p) => p.true_song_id !== null).length).toBeGreaterThan(told.length / 3);
  });
});
