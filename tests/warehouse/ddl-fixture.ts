import { col, read } from '../../src/pipeline/column.ts';
import {
  calendar,
  dimension,
  fact,
  type Staging,
  type StarTable,
  sqlTable,
  staging,
} from '../../src/pipeline/tables.ts';

/** A small star with every kind of table and column, and names that need quoting. */
const plays: Staging = staging('staging_plays', {
  doc: 'Plays as they were read.',
  root: '.',
  key: ['id'],
  eventTime: 'ts',
  columns: {
    id: read.integer({ doc: 'Number of the play.', required: true }),
    ts: read.epochMs({ doc: 'When, epoch milliseconds.', required: true }),
    title: read.text({ doc: "The song's title." }),
    length: read.double({ doc: 'Seconds.' }),
    liked: read.boolean({ doc: '' }),
  },
});

const fct = fact('plays', {
  doc: 'One row per play.',
  rationale: 'The key comes from the event.',
  from: plays,
  key: ['play_id'],
  time: 'start_time',
  columns: {
    play_id: col.bigint({ sql: 'r.id', nullable: false, doc: 'Number of the play.' }),
    start_time: col.timestamp({ sql: 'r.ts', nullable: false, doc: 'UTC.', references: 'time.start_time' }),
    'song "id"': col.text({ sql: 'r.title', doc: 'It’s the song’s; or NULL.', references: 'songs.song_id' }),
    length: col.double({ sql: 'r.length', doc: 'Seconds.' }),
    liked: col.boolean({ sql: 'r.liked', doc: '' }),
  },
});

const songs = dimension('songs', {
  doc: "Songs, one row each;\n-- drop table plays; it's a comment",
  from: plays,
  key: ['song_id'],
  winner: [{ sql: 'r.ts' }],
  columns: {
    song_id: col.text({ sql: 'r.title', nullable: false, doc: 'The title.' }),
    plays: col.integer({ sql: '1', nullable: false, doc: 'How many.' }),
  },
});

const time = calendar('time', {
  doc: 'Start times of plays.',
  of: fct,
  column: 'start_time',
  key: ['start_time'],
  columns: {
    start_time: col.timestamp({ sql: 't.start_time', nullable: false, doc: 'UTC.' }),
    hour: col.smallint({ sql: 'extract(hour from t.start_time)', nullable: false, doc: '0 to 23.' }),
  },
});

const daily = sqlTable('daily', {
  doc: 'Plays a day.',
  sql: 'select 1',
  key: ['day'],
  columns: { day: col.timestamp({ sql: '', nullable: false, doc: 'UTC.' }), n: col.bigint({ sql: '', doc: 'Plays.' }) },
});

export const stagings: readonly Staging[] = [plays];
export const tables: readonly StarTable[] = [fct, songs, time, daily];
