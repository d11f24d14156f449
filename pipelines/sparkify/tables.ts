import {
  type Calendar,
  calendar,
  col,
  type Dimension,
  dimension,
  emptyLast,
  epochMs,
  type Fact,
  fact,
  nullLast,
  type Staging,
  withoutQuotes,
} from 'sparkify';

export type Match = 'title-artist' | 'strict';

/** The plays. Every NextSong event is one row: never dropped for want of a song, never multiplied by several. */
export function songplays(events: Staging, songs: Staging, match: Match): Fact {
  return fact('songplays', {
    doc: 'One row per song play (events with page NextSong).',
    rationale:
      'The key is computed from the event (sessionId × 2^20 + itemInSession): the same on every engine and in every re-run, and in the order of time within a session.',
    from: events,
    where: "r.page = 'NextSong'",
    lookups: {
      song: {
        from: songs,
        on: { title: 'song', artist_name: 'artist' },
        ...(match === 'strict' ? { where: 'song.duration = r.length' } : {}),
        orderBy: [{ sql: 'abs(song.duration - r.length)' }, { sql: 'song.song_id' }],
      },
    },
    columns: {
      songplay_id: col.bigint({
        sql: 'r.session_id * 1048576 + r.item_in_session',
        nullable: false,
        doc: 'Session and item in one number.',
      }),
      start_time: col.timestamp({
        sql: epochMs('r.ts'),
        nullable: false,
        references: 'time.start_time',
        doc: 'When the play began, UTC with milliseconds.',
      }),
      user_id: col.bigint({
        sql: "cast(nullif(r.user_id, '') as bigint)",
        references: 'users.user_id',
        doc: 'Who listened; null for the rare play without a user.',
      }),
      level: col.text({ sql: 'r.level', nullable: false, doc: 'Subscription at that moment: free or paid.' }),
      song_id: col.text({
        sql: 'song.song_id',
        references: 'songs.song_id',
        doc: 'The song, where title and artist are in the catalogue; the nearest duration breaks ties.',
      }),
      artist_id: col.text({
        sql: 'song.artist_id',
        references: 'artists.artist_id',
        doc: 'The artist of that song.',
      }),
      session_id: col.bigint({ sql: 'r.session_id', nullable: false, doc: 'Session of the app.' }),
      location: col.text({ sql: "nullif(r.location, '')", doc: 'Metropolitan area of the listener.' }),
      user_agent: col.text({ sql: withoutQuotes('r.user_agent'), doc: 'Browser, without the wrapping quotes.' }),
    },
    key: ['songplay_id'],
    time: 'start_time',
  });
}

export function users(events: Staging): Dimension {
  return dimension('users', {
    doc: 'One row per identified user, as of their latest event.',
    rationale: 'An older event never overwrites a newer one, whatever the order of loads.',
    from: events,
    where: "r.user_id is not null and r.user_id <> ''",
    winner: [
      { sql: 'r.ts', descending: true },
      { sql: 'r.item_in_session', descending: true },
      { sql: 'r.session_id', descending: true },
    ],
    columns: {
      user_id: col.bigint({ sql: 'cast(r.user_id as bigint)', nullable: false, doc: 'The user.' }),
      first_name: col.text({ sql: 'r.first_name', doc: 'First name.' }),
      last_name: col.text({ sql: 'r.last_name', doc: 'Last name.' }),
      gender: col.text({ sql: 'r.gender', doc: 'F or M.' }),
      level: col.text({ sql: 'r.level', nullable: false, doc: 'Current subscription: free or paid.' }),
    },
    key: ['user_id'],
  });
}

export function songs(catalogue: Staging): Dimension {
  return dimension('songs', {
    doc: 'One row per song of the catalogue.',
    rationale: 'Two records of one song are told apart by their contents only, so no load order shows.',
    from: catalogue,
    winner: [{ sql: 'r.title' }, { sql: 'r.artist_id' }],
    columns: {
      song_id: col.text({ sql: 'r.song_id', nullable: false, doc: 'The song.' }),
      title: col.text({ sql: 'r.title', nullable: false, doc: 'Title.' }),
      artist_id: col.text({
        sql: 'r.artist_id',
        nullable: false,
        references: 'artists.artist_id',
        doc: 'Its artist.',
      }),
      year: col.integer({ sql: 'nullif(r.year, 0)', doc: 'Year of release; null where unknown.' }),
      duration: col.double({ sql: 'r.duration', nullable: false, doc: 'Seconds.' }),
    },
    key: ['song_id'],
  });
}

export function artists(catalogue: Staging): Dimension {
  return dimension('artists', {
    doc: 'One row per artist; all its columns come from one and the same catalogue record.',
    rationale: 'An artist comes with several names and places; the record with coordinates, then with a place, wins.',
    from: catalogue,
    winner: [
      { sql: nullLast('r.artist_latitude') },
      { sql: emptyLast('r.artist_location') },
      { sql: 'r.artist_name' },
      { sql: 'r.song_id' },
    ],
    columns: {
      artist_id: col.text({ sql: 'r.artist_id', nullable: false, doc: 'The artist.' }),
      name: col.text({ sql: 'r.artist_name', nullable: false, doc: 'Name.' }),
      location: col.text({ sql: "nullif(r.artist_location, '')", doc: 'Place, as free text.' }),
      latitude: col.double({ sql: 'r.artist_latitude', doc: 'Degrees north.' }),
      longitude: col.double({ sql: 'r.artist_longitude', doc: 'Degrees east.' }),
    },
    key: ['artist_id'],
  });
}

export function time(plays: Fact): Calendar {
  const part = (field: string, doc: string) =>
    col.smallint({ sql: `cast(extract(${field} from t.start_time) as smallint)`, nullable: false, doc });
  return calendar('time', {
    doc: 'One row per moment at which a play began, UTC.',
    rationale: 'Weeks are ISO weeks and Sunday is 0, on every engine.',
    of: plays,
    column: 'start_time',
    columns: {
      start_time: col.timestamp({ sql: 't.start_time', nullable: false, doc: 'The moment, with milliseconds.' }),
      hour: part('hour', '0 to 23.'),
      day: part('day', 'Day of the month.'),
      week: part('week', 'ISO week.'),
      month: part('month', '1 to 12.'),
      year: part('year', 'Calendar year.'),
      weekday: part('dow', '0 (Sunday) to 6 (Saturday).'),
    },
    key: ['start_time'],
  });
}
