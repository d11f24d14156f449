import { beforeAll, describe, expect, test } from 'vitest';
import { events, keysBelow, type LogRecord, rows, type Simulated, simulated } from './memory-sink.ts';

const MONTH = { seed: 11, users: 150, songs: 500, from: '2018-11-01', to: '2018-12-01' };

let output: Simulated;
let log: LogRecord[];
let sessions: Map<number, LogRecord[]>;

beforeAll(async () => {
  output = await simulated(MONTH);
  log = events(output.files);
  sessions = new Map();
  for (const event of log) {
    const list = sessions.get(event.sessionId);
    if (list === undefined) sessions.set(event.sessionId, [event]);
    else list.push(event);
  }
});

function pairs(): [LogRecord, LogRecord][] {
  return [...sessions.values()].flatMap((s) =>
    s.slice(1).map((e, i): [LogRecord, LogRecord] => [s[i] as LogRecord, e]),
  );
}

/** The user of a session; one that is logged out throughout has none. */
function userOf(session: readonly LogRecord[]): string {
  return session.find((e) => e.userId !== '')?.userId ?? '';
}

describe('events', () => {
  test('are unique by session and item, numbered from 0 without a gap', () => {
    for (const session of sessions.values())
      expect(session.map((e) => e.itemInSession)).toEqual(session.map((_, i) => i));
  });

  test('stand in the file of their UTC day, in order of time', () => {
    for (const key of keysBelow(output.files, 'log_data')) {
      const day = key.slice(-'2018-11-01-events.json'.length).slice(0, 10);
      expect(key).toBe(`log_data/${day.slice(0, 4)}/${day.slice(5, 7)}/${day}-events.json`);
      const times = rows<LogRecord>(output.files.get(key)).map((e) => e.ts);
      for (const ts of times) expect(new Date(ts).toISOString().slice(0, 10)).toBe(day);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
    expect(keysBelow(output.files, 'log_data')).toHaveLength(30);
  });

  test('all fall on one millisecond of their second', () => {
    expect(new Set(log.map((e) => e.ts % 1000)).size).toBe(1);
  });

  test('a redirect is followed after one second', () => {
    const redirects = pairs().filter(([a]) => a.status === 307);
    expect(redirects.length).toBeGreaterThan(50);
    for (const [a, b] of redirects) expect(b.ts - a.ts).toBe(1000);
  });

  test('the next song begins when the last one has ended', () => {
    const songs = pairs().filter(([a, b]) => a.page === 'NextSong' && b.page === 'NextSong');
    expect(songs.length).toBeGreaterThan(1000);
    for (const [a, b] of songs) expect(b.ts - a.ts).toBe(Math.floor(a.length as number) * 1000);
  });

  test('sessions get their ids in order of time', () => {
    const begins = [...sessions].sort(([a], [b]) => a - b).map(([, s]) => (s[0] as LogRecord).ts);
    expect(begins).toEqual([...begins].sort((a, b) => a - b));
  });

  test('a user waits half an hour or more between sessions', () => {
    const ends = new Map<string, number>();
    for (const [, session] of [...sessions].sort(([a], [b]) => a - b)) {
      const user = userOf(session);
      const last = ends.get(user);
      if (user === '') continue;
      if (last !== undefined) expect((session[0] as LogRecord).ts - last).toBeGreaterThan(1_800_000);
      ends.set(user, (session.at(-1) as LogRecord).ts);
    }
  });

  test('whoever is logged out is nobody', () => {
    const out = log.filter((e) => e.auth === 'Logged Out');
    expect(out.length).toBeGreaterThan(20);
    for (const e of out)
      expect([e.userId, e.firstName, e.lastName, e.gender, e.location, e.userAgent, e.registration]).toEqual([
        '',
        null,
        null,
        null,
        null,
        null,
        null,
      ]);
  });

  test('song, artist and length are there exactly for plays', () => {
    for (const e of log) {
      const play = e.page === 'NextSong';
      expect([e.song !== null, e.artist !== null, e.length !== null]).toEqual([play, play, play]);
    }
  });

  test('the level changes only by a submitted upgrade or downgrade', () => {
    const changes = pairs().filter(([a, b]) => a.level !== b.level);
    expect(changes.length).toBeGreaterThan(3);
    for (const [a, b] of changes) expect(a.page).toBe(b.level === 'paid' ? 'Submit Upgrade' : 'Submit Downgrade');
    const levels = new Map<string, string>();
    for (const [, session] of [...sessions].sort(([a], [b]) => a - b)) {
      const user = userOf(session);
      if (user === '') continue;
      if (levels.has(user)) expect((session[0] as LogRecord).level).toBe(levels.get(user));
      const last = session.at(-1) as LogRecord;
      levels.set(user, last.level);
    }
  });

  test('users registered before their first event', () => {
    for (const e of log) if (e.registration !== null) expect(e.registration).toBeLessThanOrEqual(e.ts);
  });
});

describe('the shape of the month', () => {
  test('a few songs are played much more than the rest', () => {
    const best = output.truth.top.loggedSongs;
    expect(best[0]?.plays).toBeGreaterThan(4 * (best[19]?.plays as number));
    const distinct = new Set(log.filter((e) => e.page === 'NextSong').map((e) => `${e.artist}|${e.song}`)).size;
    expect(distinct).toBeGreaterThan(400);
  });

  test('nights and weekends are quieter', () => {
    const { byHour, byWeekday } = output.truth.plays;
    expect(byHour[17]).toBeGreaterThan(1.5 * (byHour[5] as number));
    const [sunday = 0, monday = 0, tuesday = 0, wednesday = 0, , , saturday = 0] = byWeekday;
    expect(sunday + saturday).toBeLessThan(0.9 * Math.min(monday + tuesday, tuesday + wednesday));
  });

  test('the share of plays with a song in the catalogue follows its knob', async () => {
    const share = output.truth.matched.titleArtist / output.truth.tables.songplays;
    expect(share).toBeGreaterThan(0.55);
    expect(share).toBeLessThan(0.65);
    const none = await simulated({ ...MONTH, to: '2018-11-05', config: { catalogueShare: 1 } });
    expect(none.truth.matched.titleArtist).toBe(none.truth.tables.songplays);
  });

  test('a play beyond the catalogue has no song', async () => {
    const { truth } = await simulated({ ...MONTH, songs: 0, to: '2018-11-05' });
    expect(truth.tables).toMatchObject({ songs: 0, artists: 0, staging_songs: 0 });
    expect(truth.matched.titleArtist).toBe(0);
    expect(truth.tables.songplays).toBeGreaterThan(500);
  });

  test('growth brings users, attrition and churn take them', async () => {
    const base = { ...MONTH, users: 100, songs: 50 };
    const still = await simulated({ ...base, config: { growth: 0, attrition: 0, churn: 0 } });
    const grown = await simulated({ ...base, config: { growth: 12, attrition: 0, churn: 0 } });
    const shrunk = await simulated({ ...base, config: { growth: 0, attrition: 24, churn: 0 } });
    const churned = await simulated({ ...base, config: { growth: 0, attrition: 0, churn: 1 } });
    expect(still.truth.tables.users).toBeLessThanOrEqual(100);
    expect(grown.truth.tables.users).toBeGreaterThan(150);
    expect(shrunk.truth.tables.songplays).toBeLessThan(0.8 * still.truth.tables.songplays);
    const own = new Set(events(churned.files).map((e) => e.sessionId)).size;
    expect(own).toBeLessThanOrEqual(100);
  });

  test('holidays are quieter', async () => {
    const usual = await simulated({ ...MONTH, config: { damping: { holidays: [] } } });
    const quiet = await simulated({ ...MONTH, config: { damping: { holidays: ['11-14'], holiday: 0.9 } } });
    const day = '2018-11-14';
    expect(quiet.truth.plays.byDay[day]).toBeLessThan(0.6 * (usual.truth.plays.byDay[day] as number));
  });
});
