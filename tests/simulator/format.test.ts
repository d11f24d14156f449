import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { LOG_FIELDS } from '../../src/simulator/event-line.ts';
import { doubleEncoded, jsonAscii, jsonDouble, jsonLogText } from '../../src/simulator/json-text.ts';
import { songText } from '../../src/simulator/song-files.ts';
import { storedGzip } from '../../src/simulator/stored-gzip.ts';
import { keysBelow, rows, simulated } from './memory-sink.ts';

const SMALL = { seed: 21, users: 40, songs: 150, from: '2018-11-01', to: '2018-11-08' };

const text = String.raw`"(?:[^"\\\x00-\x1f\x7f-\xff]|\\u00[0-9a-f]{2}|\\["\/])*"`;
const nullable = `(?:${text}|null)`;

describe('log files', () => {
  test('each line has the eighteen fields in their order, numbers and texts as the app writes them', async () => {
    const { files } = await simulated(SMALL);
    const line = new RegExp(
      `^\\{"artist":${nullable},"auth":"Logged (?:In|Out)","firstName":${nullable},"gender":(?:"[FM]"|null),"itemInSession":\\d+,` +
        `"lastName":${nullable},"length":(?:\\d+\\.\\d{1,5}|null),"level":"(?:free|paid)","location":${nullable},"method":"(?:GET|PUT)",` +
        `"page":"[A-Za-z ]+","registration":(?:\\d{13}\\.0|null),"sessionId":\\d+,"song":${nullable},"status":(?:200|307|404),` +
        `"ts":\\d{13},"userAgent":${nullable},"userId":"\\d*"\\}$`,
    );
    let slashes = 0;
    let quotedAgents = 0;
    for (const key of keysBelow(files, 'log_data')) {
      const content = (files.get(key) as Buffer).toString('latin1');
      expect(content.endsWith('}')).toBe(true);
      for (const one of content.split('\n')) {
        expect(one).toMatch(line);
        expect(one).not.toMatch(/[^\\]\//);
        if (one.includes('\\/')) slashes++;
        if (one.includes('"userAgent":"\\"')) quotedAgents++;
      }
    }
    expect(slashes).toBeGreaterThan(100);
    expect(quotedAgents).toBeGreaterThan(100);
  });

  test('the jsonpaths file names the fields in their order', async () => {
    const { files } = await simulated(SMALL);
    const content = (files.get('log_json_path.json') as Buffer).toString();
    expect(JSON.parse(content)).toEqual({ jsonpaths: LOG_FIELDS.map((f) => `$['${f}']`) });
    expect(content.startsWith(`{\n    "jsonpaths": [\n        "$['artist']",\n`)).toBe(true);
    expect([...LOG_FIELDS]).toEqual([...LOG_FIELDS].sort());
  });
});

describe('song files', () => {
  test('a song is one line of ASCII with spaces after colons and commas', () => {
    const song = {
      trackId: 'TRAAAAA12A8C100000',
      songId: 'SOABCDE12A8C100001',
      artistId: 'ARABCDE11870000001',
      artistName: 'Caf\u00e9 & "Co"',
      artistLocation: 'Malm\u00f6 / Lund',
      artistLatitude: 55.60587,
      artistLongitude: 13,
      title: "You're\u00e8",
      duration: 153.33832,
      year: 0,
    };
    expect(songText(song)).toBe(
      `{"num_songs": 1, "artist_id": "ARABCDE11870000001", "artist_latitude": 55.60587, "artist_longitude": 13.0, ` +
        String.raw`"artist_location": "Malm\u00f6 / Lund", "artist_name": "Caf\u00e9 & \"Co\"", "song_id": "SOABCDE12A8C100001", ` +
        String.raw`"title": "You're\u00e8", "duration": 153.33832, "year": 0}`,
    );
    expect(songText({ ...song, artistLatitude: null, artistLongitude: null })).toContain(
      '"artist_latitude": null, "artist_longitude": null,',
    );
  });

  test('each file is named by its track and stands below the letters of that name', async () => {
    const { files } = await simulated(SMALL);
    const keys = keysBelow(files, 'song_data');
    expect(keys).toHaveLength(150);
    const ids = new Set<string>();
    for (const key of keys) {
      expect(key).toMatch(/^song_data\/([A-Z])\/([A-Z])\/([A-Z])\/TR\1\2\3[A-Z]{2}12[0-9A-F]{9}\.json$/);
      const content = (files.get(key) as Buffer).toString('latin1');
      expect(content).toMatch(/^\{"num_songs": 1, .*\}$/);
      ids.add((JSON.parse(content) as { song_id: string }).song_id);
    }
    expect(ids.size).toBe(150);
    for (const id of ids) expect(id).toMatch(/^SO[A-Z]{5}12[0-9A-F]{9}$/);
  });

  test('the catalogue has the quirks of the real one', async () => {
    const { files } = await simulated({ ...SMALL, songs: 2000, to: '2018-11-02' });
    interface Song {
      artist_id: string;
      artist_name: string;
      artist_location: string;
      artist_latitude: number | null;
      title: string;
      duration: number;
      year: number;
    }
    const songs = keysBelow(files, 'song_data').flatMap((key) => rows<Song>(files.get(key)));
    const groups = (key: (s: Song) => string, value: (s: Song) => string) => {
      const map = new Map<string, Set<string>>();
      for (const s of songs) map.set(key(s), (map.get(key(s)) ?? new Set()).add(value(s)));
      return [...map.values()].filter((set) => set.size > 1).length;
    };
    expect(
      groups(
        (s) => s.artist_id,
        (s) => s.title,
      ),
    ).toBeGreaterThan(50);
    expect(
      groups(
        (s) => s.artist_id,
        (s) => s.artist_name,
      ),
    ).toBeGreaterThan(5);
    expect(
      groups(
        (s) => s.artist_id,
        (s) => `${s.artist_location} ${s.artist_latitude}`,
      ),
    ).toBeGreaterThan(5);
    expect(
      groups(
        (s) => s.title,
        (s) => s.artist_id,
      ),
    ).toBeGreaterThan(50);
    expect(
      groups(
        (s) => `${s.title}|${s.artist_name}`,
        (s) => String(s.duration),
      ),
    ).toBeGreaterThan(20);
    for (const has of [
      (s: Song) => s.year === 0,
      (s: Song) => s.year > 0,
      (s: Song) => s.artist_location === '',
      (s: Song) => s.artist_latitude === null && s.artist_location !== '',
      (s: Song) => s.artist_latitude !== null && s.artist_location === '',
      (s: Song) => /[^ -~]/.test(s.title),
      (s: Song) => s.artist_name.includes('"') || s.artist_name.includes('/'),
    ])
      expect(songs.filter(has).length).toBeGreaterThan(10);
  });
});

describe('texts', () => {
  test('are ASCII, the logs with escaped slashes', () => {
    expect(jsonAscii('a/b "\u00e8" \u0083\n')).toBe(String.raw`"a/b \"\u00e8\" \u0083\n"`);
    expect(jsonLogText('a/b')).toBe(String.raw`"a\/b"`);
    expect([jsonDouble(200), jsonDouble(96.1824)]).toEqual(['200.0', '96.1824']);
  });

  test('double encoding spoils a name as it is spoiled in the real logs', () => {
    expect(jsonLogText(doubleEncoded('Bj\u00f6rk'))).toBe(String.raw`"Bj\u00c3\u0083\u00c2\u00b6rk"`);
    expect(doubleEncoded('plain')).toBe('plain');
  });

  test('a stored gzip is read by any reader, empty and large', () => {
    for (const size of [0, 1, 65_535, 65_536, 200_000]) {
      const content = Buffer.alloc(size, 'sparkify ');
      expect(gunzipSync(storedGzip(content)).equals(content)).toBe(true);
    }
  });
});
