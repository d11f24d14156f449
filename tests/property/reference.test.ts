import { describe, expect, it } from 'vitest';
import { type ColumnType, canonicalText, compareBytes, contentHash, type Row, tableChecksum } from './canonical.ts';
import { objectText, splitRecords } from './layout.ts';
import { isListed, logPath, PublishedModel } from './model.ts';
import {
  columnTypes,
  computeStar,
  isoWeek,
  type LiveObject,
  type Match,
  readEvent,
  type Star,
  sortedRows,
} from './reference.ts';

const NOON = Date.UTC(2018, 10, 15, 12);

function event(fields: Record<string, unknown>): string {
  return JSON.stringify({
    artist: 'blur',
    auth: 'Logged In',
    firstName: 'Ann',
    gender: 'F',
    itemInSession: 0,
    lastName: 'Smith',
    length: 100,
    level: 'free',
    location: 'Portland',
    method: 'PUT',
    page: 'NextSong',
    registration: 1541077528796,
    sessionId: 1,
    song: 'Song 2',
    status: 200,
    ts: NOON,
    userAgent: '"Mozilla"',
    userId: '10',
    ...fields,
  });
}

function song(fields: Record<string, unknown>): string {
  return JSON.stringify({
    num_songs: 1,
    artist_id: 'AR1',
    artist_latitude: null,
    artist_longitude: null,
    artist_location: '',
    artist_name: 'blur',
    song_id: 'SO1',
    title: 'Song 2',
    duration: 121.5,
    year: 0,
    ...fields,
  });
}

const logs = (uri: string, ...records: string[]): LiveObject => ({ uri, kind: 'events', records });
const catalogue = (uri: string, ...records: string[]): LiveObject => ({ uri, kind: 'songs', records });
const star = (objects: readonly LiveObject[], match: Match = 'title-artist'): Star =>
  computeStar({ objects, coverage: 'all', match });

describe('the canonical text', () => {
  const types: readonly ColumnType[] = ['text', 'text', 'double', 'integer', 'timestamp', 'boolean'];

  it('tells NULL from empty and prefixes every field with its bytes', () => {
    expect(canonicalText([null, '', -0, 7n, NOON, true], types)).toBe('NV0:V1:0V1:7V13:1542283200000V4:true');
    expect(canonicalText(['Zoë', 'a', 218.93179, 1, 0, false], types)).toBe('V4:ZoëV1:aV9:218.93179V1:1V1:0V5:false');
  });

  it('writes doubles without a trailing .0', () => {
    expect(canonicalText([JSON.parse('1541077528796.0') as number], ['double'])).toBe('V13:1541077528796');
  });

  it('is hashed with MD5', () => {
    // `md5('N')` and `md5('V1:a')` by md5sum.
    expect(contentHash([null], ['text'])).toBe('8d9c307cb7f3c4a32822a51922d1ceaa');
    expect(contentHash(['a'], ['text'])).toBe('0bbcda7cdf2f66e69211a401378d9fdf');
  });

  it('sums to the same checksum in any order, and counts repeated rows', () => {
    const rows: Row[] = [['a'], ['b'], [null]];
    expect(tableChecksum(rows, ['text'])).toBe(tableChecksum([...rows].reverse(), ['text']));
    expect(tableChecksum([...rows, ['a']], ['text'])).not.toBe(tableChecksum(rows, ['text']));
    expect(tableChecksum([[null]], ['text'])).toBe(0x8d9c307cb7f3c4a3n);
    expect(tableChecksum([], ['text'])).toBe(0n);
    expect(tableChecksum([[null], ['a']], ['text'])).toBe(0x8d9c307cb7f3c4a3n + 0x0bbcda7cdf2f66e6n);
    expect(tableChecksum([[null], [null]], ['text'])).toBe(2n * 0x8d9c307cb7f3c4a3n - 2n ** 64n);
  });

  it('orders text by bytes: capitals first, and astral characters after U+FF5E', () => {
    expect(['b', 'Z', 'é', '\u{1f600}', '\uff5e'].sort(compareBytes)).toEqual(['Z', 'b', 'é', '\uff5e', '\u{1f600}']);
  });
});

describe('events', () => {
  it('keeps one of the same event: the earliest, else the one of the lowest content hash', () => {
    const early = event({ ts: NOON - 1, level: 'paid' });
    const [a, b] = [event({ location: 'A' }), event({ location: 'B' })];
    const winner = readEvent(a).hash < readEvent(b).hash ? 'A' : 'B';
    for (const records of [
      [a, b],
      [b, a],
    ])
      expect(star([logs('x', ...records)]).songplays.map((r) => r[7])).toEqual([winner]);
    expect(star([logs('x', a), logs('y', early)]).songplays.map((r) => r[3])).toEqual(['paid']);
    expect(star([logs('x', a, a), logs('y', a)]).songplays).toHaveLength(1);
  });

  it('counts only what is covered, before the winners are chosen', () => {
    const objects = [logs('x', event({ ts: NOON - 1 }), event({ ts: NOON, level: 'paid' }))];
    const within = (a: number, b: number) => computeStar({ objects, coverage: [[a, b]], match: 'title-artist' });
    expect(within(NOON, NOON + 1).songplays.map((r) => r[3])).toEqual(['paid']);
    expect(within(NOON - 1, NOON).songplays.map((r) => r[3])).toEqual(['free']);
    expect(within(NOON + 1, NOON + 2)).toMatchObject({ songplays: [], users: [], time: [] });
  });
});

describe('songplays', () => {
  it('has one whole row per NextSong', () => {
    const objects = [
      logs(
        'x',
        event({ sessionId: 2 ** 40, itemInSession: 3, location: '' }),
        event({ page: 'Home', itemInSession: 1 }),
      ),
      catalogue('s', song({})),
    ];
    expect(star(objects).songplays).toEqual([
      [2n ** 60n + 3n, NOON, 10, 'free', 'SO1', 'AR1', 2 ** 40, null, 'Mozilla'],
    ]);
  });

  it('keeps plays without a user or a song', () => {
    const plays = star([logs('x', event({ userId: '' }), event({ itemInSession: 1, userId: null, song: null }))]);
    expect(plays.songplays.map((r) => [r[0], r[2], r[4]])).toEqual([
      [1048576, null, null],
      [1048577, null, null],
    ]);
    expect(plays.users).toEqual([]);
  });

  it('matches title and artist, then the nearest duration, then the lowest song_id by bytes', () => {
    const songs = catalogue(
      's',
      song({ song_id: 'SOa', duration: 90 }),
      song({ song_id: 'SOB', duration: 110 }),
      song({ song_id: 'SO0', duration: 130 }),
      song({ song_id: 'SO1', duration: 100, artist_name: 'Blur' }),
    );
    const matched = (length: number | null, match: Match = 'title-artist') =>
      star([logs('x', event({ length })), songs], match).songplays[0]?.[4];
    expect(matched(100)).toBe('SOB');
    expect(matched(99)).toBe('SOa');
    expect(matched(1000)).toBe('SO0');
    expect(matched(null)).toBe('SO0');
    expect(matched(90, 'strict')).toBe('SOa');
    expect(matched(91, 'strict')).toBe(null);
    expect(matched(null, 'strict')).toBe(null);
  });
});

describe('dimensions', () => {
  it('takes a user from the greatest (ts, item, session), whatever the page', () => {
    const last = event({ sessionId: 3, itemInSession: 2, level: 'paid', page: 'Home' });
    const others = [
      event({ sessionId: 9, itemInSession: 1, firstName: 'item' }),
      event({ sessionId: 2, itemInSession: 2, firstName: 'session' }),
      event({ sessionId: 1, itemInSession: 7, ts: NOON - 1, firstName: 'ts' }),
    ];
    expect(star([logs('x', last, ...others)]).users).toEqual([[10, 'Ann', 'Smith', 'F', 'paid']]);
    expect(star([logs('x', ...others, last)]).users).toEqual([[10, 'Ann', 'Smith', 'F', 'paid']]);
  });

  it('takes a song from the lowest (title, artist_id), and a year 0 as unknown', () => {
    const objects = [
      catalogue('a', song({ title: 'b' }), song({ title: 'Z', artist_id: 'AR2', year: 1997 })),
      catalogue('b', song({ title: 'Z', artist_id: 'AR3' }), song({ song_id: 'SO2' })),
    ];
    expect(star(objects).songs).toEqual([
      ['SO1', 'Z', 'AR2', 1997, 121.5],
      ['SO2', 'Song 2', 'AR1', null, 121.5],
    ]);
  });

  it('takes an artist from one song winner: with coordinates, then with a place, then the lowest name', () => {
    const named = song({ song_id: 'SO1', artist_name: 'A' });
    const placed = song({ song_id: 'SO2', artist_name: 'B', artist_location: 'London' });
    const located = song({ song_id: 'SO3', artist_name: 'C', artist_latitude: 0, artist_longitude: -1.5 });
    const artists = (...records: string[]) => star([catalogue('a', ...records)]).artists;
    expect(artists(named, placed, located)).toEqual([['AR1', 'C', null, 0, -1.5]]);
    expect(artists(placed, named)).toEqual([['AR1', 'B', 'London', null, null]]);
    expect(artists(song({ song_id: 'SO0', artist_name: 'b' }), named)).toEqual([['AR1', 'A', null, null, null]]);
    // A song that lost to another version of itself gives no artist.
    expect(artists(song({ title: 'A', artist_id: 'AR2' }), song({ title: 'B', artist_latitude: 1 }))).toEqual([
      ['AR2', 'blur', null, null, null],
    ]);
  });

  it('has one time row per moment, with ISO weeks and Sunday as 0', () => {
    const ts = Date.UTC(2018, 11, 30, 23, 59, 59, 796);
    const objects = [
      logs('x', event({ ts }), event({ ts, itemInSession: 1 }), event({ ts: 1e12, page: 'Home', itemInSession: 2 })),
    ];
    expect(star(objects).time).toEqual([[ts, 23, 30, 52, 12, 2018, 0]]);
    const weeks = [
      [2018, 11, 31, 1],
      [2019, 0, 1, 1],
      [2020, 11, 31, 53],
      [2021, 0, 3, 53],
      [2021, 0, 4, 1],
      [2024, 11, 30, 1],
      [2016, 0, 3, 53],
    ];
    for (const [year, month, day, week] of weeks) expect(isoWeek(Date.UTC(year!, month!, day!, 13))).toBe(week);
  });

  it('types every column of every row', () => {
    const all = star([logs('x', event({})), catalogue('s', song({}))]);
    for (const [table, rows] of Object.entries(all))
      for (const row of rows) expect(row).toHaveLength(columnTypes(table as keyof Star).length);
  });
});

describe('V and C', () => {
  const hour = { startMs: NOON, endMs: NOON + 3_600_000 };
  const day = (n: number) => logPath(Date.UTC(2018, 10, n));

  it('lists the days around the interval, and songs always', () => {
    const listed = [13, 14, 15, 16, 17].filter((n) => isListed(day(n), hour));
    expect(listed).toEqual([14, 15, 16]);
    const wholeDay = { startMs: Date.UTC(2018, 10, 15), endMs: Date.UTC(2018, 10, 16) };
    expect([13, 14, 15, 16, 17].filter((n) => isListed(day(n), wholeDay))).toEqual([14, 15, 16]);
    expect(isListed('song_data/A/B/C/TRABC.json', hour)).toBe(true);
    expect(isListed(day(1), undefined)).toBe(true);
  });

  it('retires replaced versions, keeps what is gone, and lets go of it by prune only where it lists', () => {
    const model = new PublishedModel();
    const uris = () => model.input('strict').objects.map((o) => `${o.uri} ${o.records.join()}`);
    const request = { prune: false, match: 'strict' } as const;
    model.publish(
      new Map([
        [day(15), ['1']],
        [day(20), ['2']],
      ]),
      request,
    );
    model.publish(new Map([[day(15), ['3']]]), request);
    expect(uris()).toEqual([`${day(15)} 3`, `${day(20)} 2`]);
    model.publish(new Map(), { ...request, prune: true, interval: hour });
    expect(uris()).toEqual([`${day(20)} 2`]);
    model.publish(new Map(), { ...request, prune: true });
    expect(uris()).toEqual([]);
  });
});

describe('layouts', () => {
  it('frame the same records in every layout', () => {
    const records = [song({ title: 'a "}{" b \\' }), song({ artist_location: 'x:,y' })];
    for (const kind of ['events', 'songs'] as const)
      for (let layout = 0; layout < 6; layout++) {
        const values = splitRecords(objectText(kind, records, layout)).map((r) => JSON.parse(r) as unknown);
        expect(values).toEqual(records.map((r) => JSON.parse(r) as unknown));
      }
  });

  it('sorts rows by keys, with NULL first', () => {
    expect(
      sortedRows([
        ['b', 1],
        ['a', 2n ** 60n],
        [null, 3],
        ['a', 5],
      ]),
    ).toEqual([
      [null, 3],
      ['a', 5],
      ['a', 2n ** 60n],
      ['b', 1],
    ]);
  });
});
