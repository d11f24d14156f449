/**
 * Small pools of values in which everything collides: keys, moments, titles, names that differ only by case or accent,
 * text whose order by UTF-16 or by locale is not its order by bytes, numbers beyond 2^53 once multiplied.
 */
import fc from 'fast-check';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** First days of the windows of time: an ordinary one, and two at the turn of a year, where ISO weeks are hard. */
export const BASES = [Date.UTC(2018, 10, 2), Date.UTC(2018, 11, 29), Date.UTC(2020, 11, 30)] as const;
export const WINDOW_DAYS = 5;

const SESSIONS = [1, 2, 3, 17, 9_000, 2 ** 40 + 7] as const;
const USERS = ['', '2', '3', '10', '26'] as const;
const TITLES = ['apple', 'Apple', '\uff5e wave', '\u{1f600} smile'] as const;
const ARTISTS = ['BjÃ\u0083Â¶rk', 'blur', '\uff5e "Z"', '\u{1f600}'] as const;
const ARTIST_IDS = ['AR1', 'AR2', 'ARa'] as const;
const SONG_IDS = ['SO10', 'SO9', 'SOB', 'SOa', 'SOÅ', 'SO\uff5e', 'SO\u{1f600}'] as const;
const LENGTHS = [100, 150.5, 200, 218.93179, null] as const;
const DURATIONS = [100, 200, 218.93179, 240] as const;
const PLACES = ['San Jose-Sunnyvale, CA', 'Zürich', '', null] as const;
const AGENTS = ['"Mozilla/5.0 (X11; \\"Linux\\")"', 'Mozilla/4.0', null, '""'] as const;
const OTHER_PAGES = ['Home', 'Logout', 'Upgrade'] as const;
const NAMES = ['Ann', 'Ána', 'bea'] as const;
const DEGREES = [null, 0, -0, 37.77916, -122.42005] as const;
const YEARS = [0, 0, 1999, 2007, null] as const;
/** Away from the grid, in milliseconds: just before it, just after it, and at odd places. */
const OFFSETS = [0, 0, 0, 0, 0, -1, 1, 796, HOUR_MS] as const;

/** Numbers only, each taken modulo the size of its pool: shrinks to the first value of every pool. */
export interface EventSeed {
  readonly kind: 'event';
  readonly session: number;
  readonly item: number;
  /** Half days from the first moment of the window; negative: within the day of the file. */
  readonly slot: number;
  readonly offset: number;
  readonly user: number;
  readonly level: number;
  readonly page: number;
  readonly song: number;
  readonly artist: number;
  readonly length: number;
  readonly place: number;
  readonly agent: number;
  readonly name: number;
  readonly status: number;
  readonly style: number;
}

export interface SongSeed {
  readonly kind: 'song';
  readonly id: number;
  readonly title: number;
  readonly artist: number;
  readonly artistId: number;
  readonly duration: number;
  readonly year: number;
  readonly place: number;
  readonly latitude: number;
  readonly style: number;
}

/** A record whose text is given, such as a line of real data. */
export interface RawSeed {
  readonly kind: 'raw';
  readonly text: string;
}

export type RecordSeed = EventSeed | SongSeed | RawSeed;

const below = (n: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: n - 1 });

export const eventSeed: fc.Arbitrary<EventSeed> = fc.record({
  kind: fc.constant('event' as const),
  session: below(SESSIONS.length),
  item: below(4),
  slot: fc.oneof(
    { weight: 7, arbitrary: fc.integer({ min: -2, max: -1 }) },
    { weight: 3, arbitrary: below(2 * WINDOW_DAYS) },
  ),
  offset: below(OFFSETS.length),
  user: below(USERS.length + 1),
  level: below(2),
  page: below(8),
  song: below(8),
  artist: below(8),
  length: below(LENGTHS.length),
  place: below(PLACES.length),
  agent: below(AGENTS.length),
  name: below(NAMES.length),
  status: below(2),
  style: below(12),
});

export const songSeed: fc.Arbitrary<SongSeed> = fc.record({
  kind: fc.constant('song' as const),
  id: below(SONG_IDS.length),
  title: below(6),
  artist: below(6),
  artistId: below(ARTIST_IDS.length),
  duration: below(DURATIONS.length),
  year: below(YEARS.length),
  place: below(PLACES.length),
  latitude: below(DEGREES.length * 2),
  style: below(6),
});

const at = <T>(pool: readonly T[], index: number): T => pool[index % pool.length]!;
/** The first values of a pool more often than its last ones, so that titles and artists meet. */
const often = <T>(pool: readonly T[], index: number): T => (index < pool.length ? pool[index]! : pool[index % 2]!);

type Field = readonly [name: string, value: string | number | null, type: 'integer' | 'double' | 'text'];

function number(value: number, type: 'integer' | 'double', style: number): string {
  if (Object.is(value, -0)) return '-0.0';
  const wantsPoint = Number.isInteger(value) && (type === 'double' ? style % 2 === 0 : style === 5);
  return wantsPoint ? `${value}.0` : String(value);
}

/** One JSON object on one line: fields in order or reversed, `/` escaped or not, missing or null, `2.0` or `2`. */
function render(fields: readonly Field[], style: number): string {
  const kept = style % 3 === 2 ? fields.filter(([, value]) => value !== null) : fields;
  const ordered = style % 4 === 3 ? [...kept].reverse() : kept;
  const parts = ordered.map(([name, value, type]) => {
    const json =
      value === null
        ? 'null'
        : typeof value === 'number'
          ? number(value, type === 'text' ? 'double' : type, style)
          : JSON.stringify(value).replaceAll('/', style % 2 === 0 ? '\\/' : '/');
    return `${JSON.stringify(name)}:${json}`;
  });
  return `{${parts.join(',')}}`;
}

function eventText(e: EventSeed, baseMs: number, day: number): string {
  const slot = e.slot < 0 ? 2 * day + (e.slot + 2) : e.slot;
  const ts = baseMs + slot * 12 * HOUR_MS + at(OFFSETS, e.offset);
  const play = e.page < 6;
  const user = e.user < USERS.length ? USERS[e.user]! : null;
  const known = user !== null && user !== '';
  const fields: Field[] = [
    ['artist', play ? often(ARTISTS, e.artist) : null, 'text'],
    ['auth', known ? 'Logged In' : 'Logged Out', 'text'],
    ['firstName', known ? at(NAMES, e.name) : null, 'text'],
    ['gender', known ? (e.name % 2 === 0 ? 'F' : 'M') : null, 'text'],
    ['itemInSession', e.item, 'integer'],
    ['lastName', known ? 'Smith' : null, 'text'],
    ['length', play ? at(LENGTHS, e.length) : null, 'double'],
    ['level', e.level === 0 ? 'free' : 'paid', 'text'],
    ['location', at(PLACES, e.place), 'text'],
    ['method', play ? 'PUT' : 'GET', 'text'],
    ['page', play ? 'NextSong' : at(OTHER_PAGES, e.page), 'text'],
    ['registration', known ? 1_541_077_528_796 : null, 'double'],
    ['sessionId', at(SESSIONS, e.session), 'integer'],
    ['song', play ? often(TITLES, e.song) : null, 'text'],
    ['status', e.status === 0 ? 200 : 307, 'integer'],
    ['ts', ts, 'integer'],
    ['userAgent', at(AGENTS, e.agent), 'text'],
    ['userId', user, 'text'],
  ];
  return render(fields, e.style);
}

function songText(s: SongSeed): string {
  const fields: Field[] = [
    ['num_songs', 1, 'integer'],
    ['artist_id', at(ARTIST_IDS, s.artistId), 'text'],
    ['artist_latitude', s.latitude < DEGREES.length ? DEGREES[s.latitude]! : null, 'double'],
    ['artist_longitude', s.latitude < DEGREES.length ? at(DEGREES, s.latitude + s.duration) : null, 'double'],
    ['artist_location', at(PLACES, s.place), 'text'],
    ['artist_name', often(ARTISTS, s.artist), 'text'],
    ['song_id', at(SONG_IDS, s.id), 'text'],
    ['title', often(TITLES, s.title), 'text'],
    ['duration', at(DURATIONS, s.duration), 'double'],
    ['year', at(YEARS, s.year), 'integer'],
  ];
  return render(fields, s.style);
}

/** The record as raw JSON. `day` is the day of its file, counted from the first day of the window. */
export function recordText(seed: RecordSeed, baseMs: number, day: number): string {
  if (seed.kind === 'raw') return seed.text;
  return seed.kind === 'event' ? eventText(seed, baseMs, day) : songText(seed);
}
