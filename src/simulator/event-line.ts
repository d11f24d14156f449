import { inOnePiece, jsonDouble, jsonLogText } from './json-text.ts';
import type { SongMatch } from './matching.ts';
import { ANONYMOUS, type User } from './population.ts';
import type { Playable } from './traffic.ts';
import type { State } from './transitions.ts';

/** A song as it can be played and logged. */
export interface Track extends Playable {
  readonly artist: string;
  readonly title: string;
  readonly length: number;
  readonly artistJson: string;
  readonly songJson: string;
  readonly lengthJson: string;
  /** `{"artist":…` and `,"song":…,"status":`, put together once. */
  readonly artistPart: string;
  readonly songPart: string;
  /** The song it is in truth, were its file ever so broken; null: it has no file. */
  readonly trueSongId: string | null;
  /** What the warehouse must join a play of it to. */
  readonly match: SongMatch | undefined;
}

const NO_TRACK = { artistPart: '{"artist":null', lengthJson: 'null', songPart: ',"song":null,"status":' };

export function makeTrack(
  index: number,
  song: { readonly artistName: string; readonly title: string; readonly duration: number; readonly songId?: string },
  match: SongMatch | undefined,
): Track {
  const artistJson = jsonLogText(song.artistName);
  const songJson = jsonLogText(song.title);
  return {
    index,
    wholeSeconds: Math.floor(song.duration),
    artist: song.artistName,
    title: song.title,
    length: song.duration,
    artistJson,
    songJson,
    artistPart: inOnePiece(`{"artist":${artistJson}`),
    songPart: inOnePiece(`,"song":${songJson},"status":`),
    lengthJson: jsonDouble(song.duration),
    trueSongId: song.songId ?? null,
    match,
  };
}

/** The fields of a log record, in their order. */
export const LOG_FIELDS = [
  'artist',
  'auth',
  'firstName',
  'gender',
  'itemInSession',
  'lastName',
  'length',
  'level',
  'location',
  'method',
  'page',
  'registration',
  'sessionId',
  'song',
  'status',
  'ts',
  'userAgent',
  'userId',
] as const;

export type LogField = (typeof LOG_FIELDS)[number];

/** The jsonpaths file beside the logs, one path a field. */
export function jsonPathsText(): string {
  const paths = LOG_FIELDS.map((field) => `        "$['${field}']"`).join(',\n');
  return `{\n    "jsonpaths": [\n${paths}\n    ]\n}`;
}

/** Staging column of a log field: `itemInSession` → `item_in_session`. */
export function stagingColumnOf(field: LogField): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Writes log lines out of as few and as ready pieces as it can: this is where the simulation spends its time. */
export class LineWriter {
  private readonly milliseconds: string;

  /** @param msOfSecond the milliseconds that every ts ends in */
  constructor(msOfSecond: number) {
    this.milliseconds = String(msOfSecond).padStart(3, '0');
  }

  /** A ts as text. Its seconds are a small integer, much faster to print than the whole. */
  tsText(ts: number): string {
    return Math.floor(ts / 1000) + this.milliseconds;
  }

  /** The line of one event, without its end. ASCII only. */
  line(user: User, state: State, ts: number, track: Track | undefined): string {
    const who = state.loggedIn ? user.profile : ANONYMOUS;
    if (user.textState !== state) {
      user.textState = state;
      user.text = inOnePiece(
        `,"level":"${state.level}","location":${who.location},"method":"${state.method}","page":${jsonLogText(state.page)}` +
          `,"registration":${who.registration},"sessionId":`,
      );
    }
    const { artistPart, lengthJson, songPart } = track ?? NO_TRACK;
    return (
      artistPart +
      who.head +
      user.item +
      who.middle +
      lengthJson +
      user.text +
      user.sessionId +
      songPart +
      state.status +
      ',"ts":' +
      this.tsText(ts) +
      who.tail
    );
  }
}

/** The same record as fields with their JSON text, for those who want to spoil it. */
export function lineFields(user: User, state: State, ts: number, track: Track | undefined): Map<string, string> {
  const who = state.loggedIn ? user.profile : ANONYMOUS;
  return new Map<LogField, string>([
    ['artist', track?.artistJson ?? 'null'],
    ['auth', `"${state.auth}"`],
    ['firstName', who.firstName],
    ['gender', who.gender],
    ['itemInSession', String(user.item)],
    ['lastName', who.lastName],
    ['length', track?.lengthJson ?? 'null'],
    ['level', `"${state.level}"`],
    ['location', who.location],
    ['method', `"${state.method}"`],
    ['page', jsonLogText(state.page)],
    ['registration', who.registration],
    ['sessionId', String(user.sessionId)],
    ['song', track?.songJson ?? 'null'],
    ['status', String(state.status)],
    ['ts', String(ts)],
    ['userAgent', who.userAgent],
    ['userId', `"${who.userId}"`],
  ]);
}

export function printFields(fields: ReadonlyMap<string, string>): string {
  const parts: string[] = [];
  for (const [name, json] of fields) parts.push(`"${name}":${json}`);
  return `{${parts.join(',')}}`;
}
