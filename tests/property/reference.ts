/**
 * The star by brute force, written from the published rules alone. It shares nothing with the product: every constant,
 * order and column is spelled out again here, on purpose, so that a wrong one in the product cannot hide in both.
 */
import { type Cell, type ColumnType, compareBytes, contentHash, type Row } from './canonical.ts';

export type ObjectKind = 'events' | 'songs';
export type Match = 'title-artist' | 'strict';
/** Half-open `[startMs, endMs)` pairs of UTC epoch milliseconds; they may overlap. */
export type Coverage = 'all' | readonly (readonly [startMs: number, endMs: number])[];

/** A live version of an object: its certified records as raw JSON texts, in the order of the object. */
export interface LiveObject {
  readonly uri: string;
  readonly kind: ObjectKind;
  readonly records: readonly string[];
}

export interface ReferenceInput {
  readonly objects: readonly LiveObject[];
  readonly coverage: Coverage;
  readonly match: Match;
}

export const TABLES = ['songplays', 'users', 'songs', 'artists', 'time'] as const;
export type TableName = (typeof TABLES)[number];
/** Rows of every table in the order of their keys. */
export type Star = Readonly<Record<TableName, readonly Row[]>>;

type Columns = readonly (readonly [name: string, type: ColumnType])[];

export const STAR_COLUMNS: Readonly<Record<TableName, Columns>> = {
  songplays: [
    ['songplay_id', 'integer'],
    ['start_time', 'timestamp'],
    ['user_id', 'integer'],
    ['level', 'text'],
    ['song_id', 'text'],
    ['artist_id', 'text'],
    ['session_id', 'integer'],
    ['location', 'text'],
    ['user_agent', 'text'],
  ],
  users: [
    ['user_id', 'integer'],
    ['first_name', 'text'],
    ['last_name', 'text'],
    ['gender', 'text'],
    ['level', 'text'],
  ],
  songs: [
    ['song_id', 'text'],
    ['title', 'text'],
    ['artist_id', 'text'],
    ['year', 'integer'],
    ['duration', 'double'],
  ],
  artists: [
    ['artist_id', 'text'],
    ['name', 'text'],
    ['location', 'text'],
    ['latitude', 'double'],
    ['longitude', 'double'],
  ],
  time: [
    ['start_time', 'timestamp'],
    ['hour', 'integer'],
    ['day', 'integer'],
    ['week', 'integer'],
    ['month', 'integer'],
    ['year', 'integer'],
    ['weekday', 'integer'],
  ],
};

export function columnTypes(table: TableName): readonly ColumnType[] {
  return STAR_COLUMNS[table].map(([, type]) => type);
}

const EVENT_FIELDS: Columns = [
  ['artist', 'text'],
  ['auth', 'text'],
  ['firstName', 'text'],
  ['gender', 'text'],
  ['itemInSession', 'integer'],
  ['lastName', 'text'],
  ['length', 'double'],
  ['level', 'text'],
  ['location', 'text'],
  ['method', 'text'],
  ['page', 'text'],
  ['registration', 'double'],
  ['sessionId', 'integer'],
  ['song', 'text'],
  ['status', 'integer'],
  ['ts', 'integer'],
  ['userAgent', 'text'],
  ['userId', 'text'],
];

const SONG_FIELDS: Columns = [
  ['num_songs', 'integer'],
  ['artist_id', 'text'],
  ['artist_latitude', 'double'],
  ['artist_longitude', 'double'],
  ['artist_location', 'text'],
  ['artist_name', 'text'],
  ['song_id', 'text'],
  ['title', 'text'],
  ['duration', 'double'],
  ['year', 'integer'],
];

type Json = Readonly<Record<string, Cell | undefined>>;

function hashOf(json: Json, fields: Columns): string {
  return contentHash(
    fields.map(([name]) => json[name] ?? null),
    fields.map(([, type]) => type),
  );
}

export interface EventRecord {
  readonly ts: number;
  readonly sessionId: number;
  readonly item: number;
  readonly userId: string;
  readonly page: string;
  readonly level: string;
  readonly artist: string | null;
  readonly song: string | null;
  readonly length: number | null;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly gender: string | null;
  readonly location: string | null;
  readonly userAgent: string | null;
  readonly hash: string;
}

export interface SongRecord {
  readonly songId: string;
  readonly title: string;
  readonly artistId: string;
  readonly artistName: string;
  readonly duration: number;
  readonly year: number | null;
  readonly location: string | null;
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly hash: string;
}

const text = (v: Cell | undefined): string | null => (v === undefined || v === null ? null : (v as string));
const num = (v: Cell | undefined): number | null => (v === undefined || v === null ? null : (v as number));

export function readEvent(raw: string): EventRecord {
  const json = JSON.parse(raw) as Json;
  return {
    ts: json.ts as number,
    sessionId: json.sessionId as number,
    item: json.itemInSession as number,
    userId: text(json.userId) ?? '',
    page: json.page as string,
    level: json.level as string,
    artist: text(json.artist),
    song: text(json.song),
    length: num(json.length),
    firstName: text(json.firstName),
    lastName: text(json.lastName),
    gender: text(json.gender),
    location: text(json.location),
    userAgent: text(json.userAgent),
    hash: hashOf(json, EVENT_FIELDS),
  };
}

export function readSong(raw: string): SongRecord {
  const json = JSON.parse(raw) as Json;
  return {
    songId: json.song_id as string,
    title: json.title as string,
    artistId: json.artist_id as string,
    artistName: json.artist_name as string,
    duration: json.duration as number,
    year: num(json.year),
    location: text(json.artist_location),
    latitude: num(json.artist_latitude),
    longitude: num(json.artist_longitude),
    hash: hashOf(json, SONG_FIELDS),
  };
}

/** The least by a chain of comparisons; `candidates` is not empty. */
function least<T>(candidates: readonly T[], ...orders: readonly ((a: T, b: T) => number)[]): T {
  return candidates.reduce((best, next) => {
    for (const order of orders) {
      const sign = order(next, best);
      if (sign !== 0) return sign < 0 ? next : best;
    }
    return best;
  });
}

function groupBy<K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

export function isCovered(coverage: Coverage, ts: number): boolean {
  return coverage === 'all' || coverage.some(([start, end]) => start <= ts && ts < end);
}

function eventWinners(input: ReferenceInput): EventRecord[] {
  const inForce = input.objects
    .filter((o) => o.kind === 'events')
    .flatMap((o) => o.records.map(readEvent))
    .filter((e) => isCovered(input.coverage, e.ts));
  return [...groupBy(inForce, (e) => `${e.sessionId}/${e.item}`).values()].map((same) =>
    least(
      same,
      (a, b) => a.ts - b.ts,
      (a, b) => compareBytes(a.hash, b.hash),
    ),
  );
}

function songWinners(input: ReferenceInput): SongRecord[] {
  const all = input.objects.filter((o) => o.kind === 'songs').flatMap((o) => o.records.map(readSong));
  return [...groupBy(all, (s) => s.songId).values()].map((same) =>
    least(
      same,
      (a, b) => compareBytes(a.title, b.title),
      (a, b) => compareBytes(a.artistId, b.artistId),
      (a, b) => compareBytes(a.hash, b.hash),
    ),
  );
}

/** A play without a length has no distance to any song, so the lowest song_id remains; strictly it matches none. */
function songOf(play: EventRecord, songs: readonly SongRecord[], match: Match): SongRecord | null {
  const candidates = songs.filter(
    (s) => s.title === play.song && s.artistName === play.artist && (match !== 'strict' || s.duration === play.length),
  );
  if (candidates.length === 0) return null;
  const distance = (s: SongRecord): number => (play.length === null ? 0 : Math.abs(s.duration - play.length));
  return least(
    candidates,
    (a, b) => distance(a) - distance(b),
    (a, b) => compareBytes(a.songId, b.songId),
  );
}

const emptyToNull = (v: string | null): string | null => (v === '' ? null : v);

export function safeInteger(v: bigint): number | bigint {
  return v >= BigInt(Number.MIN_SAFE_INTEGER) && v <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(v) : v;
}

function unquoted(agent: string | null): string | null {
  return agent !== null && agent.length >= 2 && agent.startsWith('"') && agent.endsWith('"')
    ? agent.slice(1, -1)
    : agent;
}

function songplayRow(e: EventRecord, song: SongRecord | null): Row {
  return [
    safeInteger(BigInt(e.sessionId) * 1048576n + BigInt(e.item)),
    e.ts,
    e.userId === '' ? null : safeInteger(BigInt(e.userId)),
    e.level,
    song?.songId ?? null,
    song?.artistId ?? null,
    e.sessionId,
    emptyToNull(e.location),
    unquoted(e.userAgent),
  ];
}

function users(events: readonly EventRecord[]): Row[] {
  const identified = events.filter((e) => e.userId !== '');
  return [...groupBy(identified, (e) => BigInt(e.userId))].map(([userId, own]) => {
    const last = least(
      own,
      (a, b) => b.ts - a.ts,
      (a, b) => b.item - a.item,
      (a, b) => b.sessionId - a.sessionId,
      (a, b) => compareBytes(b.hash, a.hash),
    );
    return [safeInteger(userId), last.firstName, last.lastName, last.gender, last.level];
  });
}

function artists(songs: readonly SongRecord[]): Row[] {
  const located = (s: SongRecord): number => (emptyToNull(s.location) === null ? 1 : 0);
  return [...groupBy(songs, (s) => s.artistId)].map(([artistId, own]) => {
    const source = least(
      own,
      (a, b) => (a.latitude === null ? 1 : 0) - (b.latitude === null ? 1 : 0),
      (a, b) => located(a) - located(b),
      (a, b) => compareBytes(a.artistName, b.artistName),
      (a, b) => compareBytes(a.songId, b.songId),
      (a, b) => compareBytes(a.hash, b.hash),
    );
    return [artistId, source.artistName, emptyToNull(source.location), source.latitude, source.longitude];
  });
}

/** ISO 8601: weeks begin on Monday, and week 1 is the one that holds the year's first Thursday. */
export function isoWeek(ms: number): number {
  const day = 86_400_000;
  const midnight = Math.floor(ms / day) * day;
  const mondayBased = (new Date(midnight).getUTCDay() + 6) % 7;
  const thursday = midnight + (3 - mondayBased) * day;
  const january1 = Date.UTC(new Date(thursday).getUTCFullYear(), 0, 1);
  return Math.floor((thursday - january1) / (7 * day)) + 1;
}

function timeRow(ms: number): Row {
  const at = new Date(ms);
  return [
    ms,
    at.getUTCHours(),
    at.getUTCDate(),
    isoWeek(ms),
    at.getUTCMonth() + 1,
    at.getUTCFullYear(),
    at.getUTCDay(),
  ];
}

/** Orders rows by their cells, for comparing two tables as bags of rows. */
export function sortedRows(rows: readonly Row[]): readonly Row[] {
  return [...rows].sort((a, b) => {
    for (const [i, x] of a.entries()) {
      const y = b[i] ?? null;
      if (x === y) continue;
      if (x === null) return -1;
      if (y === null) return 1;
      if (typeof x === 'string' || typeof y === 'string') {
        const sign = compareBytes(String(x), String(y));
        if (sign !== 0) return sign;
      } else if (x !== y) return x < y ? -1 : 1;
    }
    return 0;
  });
}

/** `star = f(V, C, D)`: `objects` are V, `coverage` is C, `match` is the parameter of D. */
export function computeStar(input: ReferenceInput): Star {
  const events = eventWinners(input);
  const songs = songWinners(input);
  const plays = events.filter((e) => e.page === 'NextSong');
  return {
    songplays: sortedRows(plays.map((e) => songplayRow(e, songOf(e, songs, input.match)))),
    users: sortedRows(users(events)),
    songs: sortedRows(songs.map((s) => [s.songId, s.title, s.artistId, s.year === 0 ? null : s.year, s.duration])),
    artists: sortedRows(artists(songs)),
    time: sortedRows([...new Set(plays.map((e) => e.ts))].map(timeRow)),
  };
}
