import type { QuarantineReason } from '../ingest/staged.ts';
import type { Track } from './event-line.ts';
import { compareText } from './json-text.ts';
import type { ArtistRow, KnownSongs, SongMatch } from './matching.ts';
import type { User } from './population.ts';
import type { Level, State } from './transitions.ts';

const TOP = 20;
const HOUR_MS = 3_600_000;

/** What `truth.json` holds: what a warehouse must contain that has loaded everything the simulator wrote. */
export interface SimulationTruth {
  readonly format: 1;
  readonly seed: number;
  readonly from: string;
  readonly to: string;
  /** Rows of every table; staging after quarantine. */
  readonly tables: {
    readonly staging_events: number;
    readonly staging_songs: number;
    readonly songplays: number;
    readonly users: number;
    readonly songs: number;
    readonly artists: number;
    readonly time: number;
  };
  /** Plays with a song_id, by mode. */
  readonly matched: { readonly titleArtist: number; readonly strict: number };
  /** Per source: read = staged + quarantined; `duplicated` are staged and lost to a winner of the same key. */
  readonly records: Readonly<
    Record<
      'events' | 'songs',
      {
        readonly files: number;
        readonly read: number;
        readonly staged: number;
        readonly quarantined: number;
        readonly duplicated: number;
      }
    >
  >;
  readonly quarantinedByReason: Readonly<Partial<Record<QuarantineReason, number>>>;
  /** Planted defects by kind. */
  readonly defects: Readonly<Record<string, number>>;
  readonly plays: {
    readonly byLevel: Readonly<Record<Level, number>>;
    /** By UTC hour, 0 … 23. */
    readonly byHour: readonly number[];
    /** Sunday first. */
    readonly byWeekday: readonly number[];
    /** By UTC day, days without plays left out. */
    readonly byDay: Readonly<Record<string, number>>;
  };
  /** At most 20 each, the most plays first, ties by bytes. */
  readonly top: {
    readonly songs: readonly { readonly song_id: string; readonly title: string; readonly plays: number }[];
    readonly artists: readonly { readonly artist_id: string; readonly name: string; readonly plays: number }[];
    /** As logged, whether or not in the catalogue. */
    readonly loggedSongs: readonly { readonly artist: string; readonly song: string; readonly plays: number }[];
    readonly loggedArtists: readonly { readonly artist: string; readonly plays: number }[];
    readonly users: readonly { readonly user_id: number; readonly plays: number }[];
  };
  /** Users by the level of their latest event. */
  readonly usersByLevel: Readonly<Record<Level, number>>;
  /** By user_id: [ts in epoch ms, level], the first event and every change. */
  readonly levelHistory: Readonly<Record<string, readonly (readonly [number, Level])[]>>;
}

interface Records {
  files: number;
  read: number;
  staged: number;
  quarantined: number;
  duplicated: number;
}

/** Keeps the books while the simulation runs. Events must come in order of time, each event winner once. */
export class TruthBooks {
  readonly events: Records = { files: 0, read: 0, staged: 0, quarantined: 0, duplicated: 0 };
  readonly songs: Records = { files: 0, read: 0, staged: 0, quarantined: 0, duplicated: 0 };
  private readonly reasons = new Map<QuarantineReason, number>();
  private readonly defects = new Map<string, number>();
  private plays = 0;
  private matched = 0;
  private strict = 0;
  private moments = 0;
  private lastMoment = -1;
  /** By whole hours since 1970. */
  private readonly playsOfHour = new Map<number, number>();
  private readonly levels = { free: 0, paid: 0 };
  private readonly playsOfTrack: Float64Array;
  /** Plays whose text was changed, so that no track stands for them. */
  private readonly otherPlays = new Map<string, { artist: string; title: string; plays: number }>();
  private readonly otherMatches = new Map<string, { match: SongMatch; plays: number }>();
  private readonly playsOfUser: Float64Array;
  private readonly levelOfUser: (Level | undefined)[];
  private readonly history = new Map<number, [number, Level][]>();
  private readonly tracks: readonly Track[];
  private readonly known: KnownSongs;

  constructor(parts: { tracks: readonly Track[]; users: number; known: KnownSongs }) {
    this.tracks = parts.tracks;
    this.known = parts.known;
    this.playsOfTrack = new Float64Array(parts.tracks.length);
    this.playsOfUser = new Float64Array(parts.users + 1);
    this.levelOfUser = new Array<Level | undefined>(parts.users + 1).fill(undefined);
  }

  /** An event that reaches the star. `track` is what was logged: for a changed text its `index` is -1. */
  event(user: User, state: State, ts: number, track: Track | undefined): void {
    if (state.loggedIn && this.levelOfUser[user.id] !== state.level) {
      this.levelOfUser[user.id] = state.level;
      const known = this.history.get(user.id);
      if (known === undefined) this.history.set(user.id, [[ts, state.level]]);
      else known.push([ts, state.level]);
    }
    if (track === undefined) return;
    this.plays++;
    if (ts !== this.lastMoment) {
      this.moments++;
      this.lastMoment = ts;
    }
    const hour = Math.floor(ts / HOUR_MS);
    this.playsOfHour.set(hour, (this.playsOfHour.get(hour) ?? 0) + 1);
    this.levels[state.level]++;
    this.playsOfUser[user.id] = (this.playsOfUser[user.id] as number) + 1;
    if (track.match !== undefined) {
      this.matched++;
      if (track.match.strict) this.strict++;
    }
    if (track.index >= 0) this.playsOfTrack[track.index] = (this.playsOfTrack[track.index] as number) + 1;
    else this.otherPlay(track);
  }

  quarantined(reason: QuarantineReason): void {
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }

  planted(kind: string): void {
    this.defects.set(kind, (this.defects.get(kind) ?? 0) + 1);
  }

  /** Every known user with their first event and level changes, by number. */
  userLevels(): ReadonlyMap<number, readonly (readonly [number, Level])[]> {
    return this.history;
  }

  close(head: { readonly seed: number; readonly from: string; readonly to: string }): SimulationTruth {
    const artists = this.known.artists();
    const history = [...this.history].sort(([a], [b]) => a - b);
    const usersByLevel = { free: 0, paid: 0 };
    for (const [, changes] of history) usersByLevel[(changes[changes.length - 1] as [number, Level])[1]]++;
    return {
      format: 1,
      ...head,
      tables: {
        staging_events: this.events.staged,
        staging_songs: this.songs.staged,
        songplays: this.plays,
        users: history.length,
        songs: this.known.count,
        artists: artists.length,
        time: this.moments,
      },
      matched: { titleArtist: this.matched, strict: this.strict },
      records: { events: this.events, songs: this.songs },
      quarantinedByReason: sortedObject(this.reasons),
      defects: sortedObject(this.defects),
      plays: {
        byLevel: this.levels,
        ...this.calendar(),
      },
      top: this.top(artists),
      usersByLevel,
      levelHistory: Object.fromEntries(history),
    };
  }

  private calendar(): Pick<SimulationTruth['plays'], 'byHour' | 'byWeekday' | 'byDay'> {
    const byHour = new Array<number>(24).fill(0);
    const byWeekday = new Array<number>(7).fill(0);
    const byDay: Record<string, number> = {};
    for (const [hour, plays] of [...this.playsOfHour].sort(([a], [b]) => a - b)) {
      const at = new Date(hour * HOUR_MS);
      const day = at.toISOString().slice(0, 10);
      byHour[at.getUTCHours()] = (byHour[at.getUTCHours()] as number) + plays;
      byWeekday[at.getUTCDay()] = (byWeekday[at.getUTCDay()] as number) + plays;
      byDay[day] = (byDay[day] ?? 0) + plays;
    }
    return { byHour, byWeekday, byDay };
  }

  private otherPlay(track: Track): void {
    const key = JSON.stringify([track.artist, track.title]);
    const known = this.otherPlays.get(key);
    if (known === undefined) this.otherPlays.set(key, { artist: track.artist, title: track.title, plays: 1 });
    else known.plays++;
    if (track.match === undefined) return;
    const matches = this.otherMatches.get(track.match.songId);
    if (matches === undefined) this.otherMatches.set(track.match.songId, { match: track.match, plays: 1 });
    else matches.plays++;
  }

  private top(artistRows: readonly ArtistRow[]): SimulationTruth['top'] {
    const bySong = new Map<string, number>();
    const byArtist = new Map<string, number>();
    const byLoggedSong = new Map<string, { artist: string; song: string; plays: number }>();
    const byLoggedArtist = new Map<string, number>();
    const add = (map: Map<string, number>, key: string, plays: number) => map.set(key, (map.get(key) ?? 0) + plays);
    const logged = (artist: string, song: string, plays: number) => {
      add(byLoggedArtist, artist, plays);
      const key = JSON.stringify([artist, song]);
      const known = byLoggedSong.get(key);
      if (known === undefined) byLoggedSong.set(key, { artist, song, plays });
      else known.plays += plays;
    };
    const found = (match: SongMatch, plays: number) => {
      add(bySong, match.songId, plays);
      add(byArtist, match.artistId, plays);
    };
    for (const [i, plays] of this.playsOfTrack.entries()) {
      if (plays === 0) continue;
      const track = this.tracks[i] as Track;
      logged(track.artist, track.title, plays);
      if (track.match !== undefined) found(track.match, plays);
    }
    for (const other of this.otherPlays.values()) logged(other.artist, other.title, other.plays);
    for (const { match, plays } of this.otherMatches.values()) found(match, plays);
    const titles = new Map(this.known.songs().map((song) => [song.songId, song.title]));
    const names = new Map(artistRows.map((artist) => [artist.artist_id, artist.name]));
    const users = [...this.playsOfUser.entries()].filter(([, plays]) => plays > 0);
    return {
      songs: most(bySong).map(([song_id, plays]) => ({ song_id, title: titles.get(song_id) ?? '', plays })),
      artists: most(byArtist).map(([artist_id, plays]) => ({ artist_id, name: names.get(artist_id) ?? '', plays })),
      loggedSongs: [...byLoggedSong.values()]
        .sort((a, b) => b.plays - a.plays || compareText(a.artist, b.artist) || compareText(a.song, b.song))
        .slice(0, TOP),
      loggedArtists: most(byLoggedArtist).map(([artist, plays]) => ({ artist, plays })),
      users: users
        .sort(([a, x], [b, y]) => y - x || a - b)
        .slice(0, TOP)
        .map(([user_id, plays]) => ({ user_id, plays })),
    };
  }
}

function most(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([a, x], [b, y]) => y - x || compareText(a, b)).slice(0, TOP);
}

function sortedObject<K extends string>(
  map: ReadonlyMap<K, number>,
): Partial<Record<K, number>> & Record<string, number> {
  return Object.fromEntries([...map].sort(([a], [b]) => compareText(a, b))) as Partial<Record<K, number>> &
    Record<string, number>;
}
