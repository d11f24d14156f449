import { gunzipSync } from 'node:zlib';
import { keysBelow, type LogRecord } from './memory-sink.ts';

/** A warehouse of the simplest kind, written from the rules alone: it shares no code with the simulator. */
export interface Star {
  readonly rejected: { readonly key: string; readonly line: number; readonly ordinal: number }[];
  readonly stagedEvents: number;
  readonly stagedSongs: number;
  readonly duplicated: number;
  readonly plays: Play[];
  readonly users: Map<string, { first: string; last: string; gender: string; level: string }>;
  readonly levelHistory: Map<string, [number, string][]>;
  readonly songs: Map<string, SongRecord>;
  readonly artists: Map<string, SongRecord>;
  readonly moments: Set<number>;
}

export interface SongRecord {
  readonly artist_id: string;
  readonly artist_latitude: number | null;
  readonly artist_longitude: number | null;
  readonly artist_location: string;
  readonly artist_name: string;
  readonly song_id: string;
  readonly title: string;
  readonly duration: number;
  readonly year: number;
}

export interface Play {
  readonly id: number;
  readonly event: LogRecord;
  readonly match: SongRecord | undefined;
  readonly strict: boolean;
}

type Json = Record<string, unknown>;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The object in `bytes` if it is exactly one good JSON object, else undefined. */
function parse(bytes: Uint8Array): Json | undefined {
  try {
    const text = decoder.decode(bytes);
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    // Neither a repeated field nor U+0000 nor half a surrogate pair survives in what JSON.parse gives back.
    const names = text.match(/(?<=[{,])\s*"[a-zA-Z_]+"(?=:)/g) ?? [];
    if (new Set(names.map((n) => n.trim())).size < names.length) return undefined;
    const flat = JSON.stringify(value);
    return /\\u0000|\\ud[89a-f][0-9a-f]{2}/.test(flat) ? undefined : (value as Json);
  } catch {
    return undefined;
  }
}

const isText = (v: unknown) => v === undefined || v === null || typeof v === 'string';
const isNumber = (v: unknown) => v === undefined || v === null || typeof v === 'number';
const isInteger = (v: unknown) => v === undefined || v === null || Number.isInteger(v);

function goodEvent(r: Json): boolean {
  const texts = ['artist', 'auth', 'firstName', 'gender', 'lastName', 'level', 'location', 'method', 'page', 'song'];
  return (
    [...texts, 'userAgent', 'userId'].every((f) => isText(r[f])) &&
    ['length', 'registration'].every((f) => isNumber(r[f])) &&
    ['itemInSession', 'sessionId', 'status', 'ts'].every((f) => isInteger(r[f])) &&
    ['itemInSession', 'sessionId', 'ts', 'page', 'level'].every((f) => r[f] !== undefined && r[f] !== null) &&
    (r.ts as number) >= Date.UTC(2000, 0) &&
    (r.ts as number) < Date.UTC(2100, 0) &&
    (r.sessionId as number) < 2 ** 43 &&
    /^\d*$/.test((r.userId as string | undefined) ?? '')
  );
}

function goodSong(r: Json): boolean {
  return (
    ['artist_id', 'artist_name', 'song_id', 'title'].every((f) => typeof r[f] === 'string') &&
    typeof r.duration === 'number' &&
    isText(r.artist_location) &&
    ['artist_latitude', 'artist_longitude'].every((f) => isNumber(r[f])) &&
    ['num_songs', 'year'].every((f) => isInteger(r[f]))
  );
}

const low = <T>(a: T, b: T) => (a < b ? -1 : a > b ? 1 : 0);

export function bruteForce(files: ReadonlyMap<string, Buffer>): Star {
  const rejected: Star['rejected'] = [];
  const staged: LogRecord[] = [];
  for (const key of keysBelow(files, 'log_data')) {
    let bytes = files.get(key) as Buffer;
    if (key.endsWith('.gz')) bytes = gunzipSync(bytes);
    if (bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) bytes = bytes.subarray(3);
    let ordinal = 0;
    for (const [i, text] of bytes.toString('latin1').split('\n').entries()) {
      if (text.trim() === '') continue;
      const record = parse(Buffer.from(text, 'latin1'));
      if (record !== undefined && goodEvent(record)) staged.push(record as unknown as LogRecord);
      else rejected.push({ key, line: i + 1, ordinal });
      ordinal++;
    }
  }
  const catalogue: SongRecord[] = [];
  for (const key of keysBelow(files, 'song_data')) {
    const record = parse(files.get(key) as Buffer);
    if (record !== undefined && goodSong(record)) catalogue.push(record as unknown as SongRecord);
    else rejected.push({ key, line: 1, ordinal: 0 });
  }
  return { rejected, stagedEvents: staged.length, stagedSongs: catalogue.length, ...star(staged, catalogue) };
}

function star(staged: readonly LogRecord[], catalogue: readonly SongRecord[]) {
  const songs = new Map<string, SongRecord>();
  for (const song of [...catalogue].sort((a, b) => low(a.title, b.title) || low(a.artist_id, b.artist_id)))
    if (!songs.has(song.song_id)) songs.set(song.song_id, song);
  const artists = new Map<string, SongRecord>();
  const rank = (s: SongRecord) => [s.artist_latitude === null ? 1 : 0, s.artist_location === '' ? 1 : 0] as const;
  for (const song of [...songs.values()].sort(
    (a, b) =>
      low(rank(a)[0], rank(b)[0]) ||
      low(rank(a)[1], rank(b)[1]) ||
      low(a.artist_name, b.artist_name) ||
      low(a.song_id, b.song_id),
  ))
    if (!artists.has(song.artist_id)) artists.set(song.artist_id, song);

  const winners = new Map<string, LogRecord>();
  for (const event of [...staged].sort((a, b) => a.ts - b.ts)) {
    const key = `${event.sessionId}/${event.itemInSession}`;
    if (!winners.has(key)) winners.set(key, event);
  }
  const ordered = [...winners.values()].sort(
    (a, b) => a.ts - b.ts || a.itemInSession - b.itemInSession || a.sessionId - b.sessionId,
  );
  const users: Star['users'] = new Map();
  const levelHistory: Star['levelHistory'] = new Map();
  for (const e of ordered) {
    if (e.userId === '') continue;
    users.set(e.userId, {
      first: e.firstName as string,
      last: e.lastName as string,
      gender: e.gender as string,
      level: e.level,
    });
    const history = levelHistory.get(e.userId) ?? [];
    if (history.at(-1)?.[1] !== e.level) history.push([e.ts, e.level]);
    levelHistory.set(e.userId, history);
  }
  const named = new Map<string, SongRecord[]>();
  for (const song of songs.values()) {
    const key = `${song.artist_name}|${song.title}`;
    named.set(key, [...(named.get(key) ?? []), song]);
  }
  const plays = ordered
    .filter((e) => e.page === 'NextSong')
    .map((event): Play => {
      const off = (s: SongRecord) => Math.abs(s.duration - (event.length as number));
      const [match] = (named.get(`${event.artist}|${event.song}`) ?? []).sort(
        (a, b) => off(a) - off(b) || low(a.song_id, b.song_id),
      );
      const id = event.sessionId * 2 ** 20 + event.itemInSession;
      return { id, event, match, strict: match !== undefined && match.duration === event.length };
    });
  return {
    songs,
    artists,
    users,
    levelHistory,
    plays,
    moments: new Set(plays.map((p) => p.event.ts)),
    duplicated: staged.length - winners.size,
  };
}
