/**
 * The other side of the full load, in a process of its own: the same job in plain DuckDB as a competent person would
 * write it. Two staging tables by `read_json` with given columns, then SQL for the five tables; no validation, no
 * hashes, no duplicates looked for, no ledger.
 *
 *     node plain-duckdb.js star FILE LOGS_FOLDER SONGS_FOLDER_OR_FILE
 *     node plain-duckdb.js songs FILE SONGS_FOLDER_OR_FILE
 *     node plain-duckdb.js counts FILE
 *
 * A folder of songs is read by a glob, on one thread: on two, the glob over 100,000 files runs out of memory.
 */
import { statSync } from 'node:fs';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

const TABLES = ['songplays', 'users', 'songs', 'artists', 'time'];

const EVENTS = `{artist: 'VARCHAR', auth: 'VARCHAR', firstName: 'VARCHAR', gender: 'VARCHAR', itemInSession: 'BIGINT',
  lastName: 'VARCHAR', length: 'DOUBLE', level: 'VARCHAR', location: 'VARCHAR', method: 'VARCHAR', page: 'VARCHAR',
  registration: 'DOUBLE', sessionId: 'BIGINT', song: 'VARCHAR', status: 'BIGINT', ts: 'BIGINT', userAgent: 'VARCHAR',
  userId: 'VARCHAR'}`;

const SONGS = `{num_songs: 'BIGINT', artist_id: 'VARCHAR', artist_latitude: 'DOUBLE', artist_longitude: 'DOUBLE',
  artist_location: 'VARCHAR', artist_name: 'VARCHAR', song_id: 'VARCHAR', title: 'VARCHAR', duration: 'DOUBLE', year: 'BIGINT'}`;

// Of several songs with one title and artist the one of the nearest duration, then of the lowest id.
const STAR = [
  `create table songplays as
   select e.sessionId * 1048576 + e.itemInSession as songplay_id, make_timestamp(e.ts * 1000) as start_time,
     try_cast(e.userId as bigint) as user_id, e.level, s.song_id, s.artist_id, e.sessionId as session_id, e.location, e.userAgent as user_agent
   from (
     select *, list_min(list_transform(candidates, lambda c: {away: abs(c.duration - length), song_id: c.song_id, artist_id: c.artist_id})) as s
     from staging_events e left join (
       select title, artist_name, list({duration: duration, song_id: song_id, artist_id: artist_id}) as candidates
       from staging_songs group by title, artist_name
     ) c on c.title = e.song and c.artist_name = e.artist
     where e.page = 'NextSong'
   ) e`,
  `create table users as
   select cast(userId as bigint) as user_id, unnest(arg_max({first_name: firstName, last_name: lastName, gender: gender, level: level}, ts))
   from staging_events where userId <> '' group by userId`,
  `create table songs as
   select song_id, any_value(title) as title, any_value(artist_id) as artist_id, any_value(year) as year, any_value(duration) as duration
   from staging_songs group by song_id`,
  `create table artists as
   select artist_id, artist_name as name, artist_location as location, artist_latitude as latitude, artist_longitude as longitude
   from staging_songs
   qualify row_number() over (partition by artist_id order by artist_latitude is null, artist_location = '', artist_name, song_id) = 1`,
  `create table time as
   select start_time, hour(start_time) as hour, day(start_time) as day, week(start_time) as week, month(start_time) as month,
     year(start_time) as year, dayofweek(start_time) as weekday
   from (select distinct start_time from songplays)`,
];

const [mode = '', file = '', ...inputs] = process.argv.slice(2);
const instance = await DuckDBInstance.create(file, mode === 'counts' ? { access_mode: 'READ_ONLY' } : {});
const connection = await instance.connect();
const timings: string[] = [];
if (mode === 'counts') {
  console.log(JSON.stringify(await counts(connection)));
} else {
  if (mode === 'star')
    await run(
      `create table staging_events as select * from read_json('${inputs[0]}/**/*.json', format = 'newline_delimited', columns = ${EVENTS})`,
    );
  await stageSongs(mode === 'star' ? inputs[1]! : inputs[0]!);
  if (mode === 'star') for (const sql of STAR) await run(sql);
  await run('checkpoint');
  console.log(timings.join('; '));
}
connection.closeSync();
instance.closeSync();

async function stageSongs(path: string): Promise<void> {
  const folder = statSync(path).isDirectory();
  if (folder) await connection.run('set threads = 1');
  const [from, format] = folder ? [`${path}/**/*.json`, 'auto'] : [path, 'newline_delimited'];
  await run(
    `create table staging_songs as select * from read_json('${from}', format = '${format}', columns = ${SONGS})`,
  );
  if (folder) await connection.run('reset threads');
}

async function run(sql: string): Promise<void> {
  const started = performance.now();
  await connection.run(sql);
  timings.push(`${/^(?:create table )?(\w+)/.exec(sql)?.[1]} ${((performance.now() - started) / 1000).toFixed(2)} s`);
}

async function counts(from: DuckDBConnection): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const table of TABLES) {
    const rows = await (await from.run(`select count(*) from ${table}`)).getRowsJS();
    found[table] = Number(rows[0]![0]);
  }
  return found;
}
