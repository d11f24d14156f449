import { type Check, check } from 'sparkify';

const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** What every published star satisfies. Rows in each table and the accounting of rows are checked without being named. */
export const checks: readonly Check[] = [
  check.notNull('songplays', ['songplay_id', 'start_time', 'level', 'session_id']),
  check.notNull('users', ['user_id', 'level']),
  check.notNull('songs', ['song_id', 'title', 'artist_id', 'duration']),
  check.notNull('artists', ['artist_id', 'name']),
  check.notNull('time', ['start_time', 'hour', 'day', 'week', 'month', 'year', 'weekday']),

  check.unique('songplays', ['songplay_id']),
  check.unique('users', ['user_id']),
  check.unique('songs', ['song_id']),
  check.unique('artists', ['artist_id']),
  check.unique('time', ['start_time']),

  check.references('songplays', 'start_time', 'time', 'start_time'),
  check.references('songplays', 'user_id', 'users', 'user_id'),
  check.references('songplays', 'song_id', 'songs', 'song_id'),
  check.references('songplays', 'artist_id', 'artists', 'artist_id'),
  check.references('songs', 'artist_id', 'artists', 'artist_id'),

  check.acceptedValues('songplays', 'level', ['free', 'paid']),
  check.acceptedValues('users', 'level', ['free', 'paid']),
  check.acceptedValues('users', 'gender', ['F', 'M'], { severity: 'warn', doc: 'A new value is news, not an error.' }),
  check.acceptedValues('time', 'hour', upTo(0, 23), { name: 'time.hour in 0..23' }),
  check.acceptedValues('time', 'day', upTo(1, 31), { name: 'time.day in 1..31' }),
  check.acceptedValues('time', 'week', upTo(1, 53), { name: 'time.week in 1..53' }),
  check.acceptedValues('time', 'month', upTo(1, 12), { name: 'time.month in 1..12' }),
  check.acceptedValues('time', 'weekday', upTo(0, 6), { name: 'time.weekday in 0..6' }),

  check.expected('songplays without a user', 'select count(*) from songplays where user_id is null', 0, {
    severity: 'warn',
    doc: 'A NextSong that nobody is logged in for keeps its row and is counted here.',
  }),
];
