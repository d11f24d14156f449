import type { Analysis } from 'sparkify';

/**
 * A play with the names it was logged under, for plays of songs that are not in the catalogue too. An event that was
 * delivered twice is joined twice, hence the distinct counts over it.
 */
const NAMED_PLAYS = `songplays p
join staging_events e on e.session_id = p.session_id
  and e.session_id * 1048576 + e.item_in_session = p.songplay_id
  and e.page = 'NextSong'`;

/** Questions the company asks every week. All orders are total, so each answer is the same everywhere. */
export const analyses: readonly Analysis[] = [
  {
    name: 'top-songs',
    title: 'The songs played most',
    sql: `select e.song, e.artist, count(distinct p.songplay_id) as plays
from ${NAMED_PLAYS}
group by e.song, e.artist
order by plays desc, e.song, e.artist
limit 10`,
    bars: { label: 'song', value: 'plays' },
  },
  {
    name: 'top-artists',
    title: 'The artists played most',
    sql: `select e.artist, count(distinct p.songplay_id) as plays
from ${NAMED_PLAYS}
group by e.artist
order by plays desc, e.artist
limit 10`,
    bars: { label: 'artist', value: 'plays' },
  },
  {
    name: 'busiest-hours',
    title: 'Plays by hour of the day (UTC)',
    sql: `select t.hour, count(*) as plays
from songplays p join time t on t.start_time = p.start_time
group by t.hour
order by t.hour`,
    bars: { label: 'hour', value: 'plays' },
  },
  {
    name: 'weekdays',
    title: 'Plays by weekday (UTC)',
    sql: `select case t.weekday when 0 then 'Sunday' when 1 then 'Monday' when 2 then 'Tuesday' when 3 then 'Wednesday'
  when 4 then 'Thursday' when 5 then 'Friday' else 'Saturday' end as weekday, count(*) as plays
from songplays p join time t on t.start_time = p.start_time
group by t.weekday
order by t.weekday`,
    bars: { label: 'weekday', value: 'plays' },
  },
  {
    name: 'weeks',
    title: 'Plays by ISO week',
    sql: `select t.week, count(*) as plays
from songplays p join time t on t.start_time = p.start_time
group by t.week
order by min(p.start_time)`,
    bars: { label: 'week', value: 'plays' },
  },
  {
    name: 'busiest-days',
    title: 'The days with the most plays (UTC)',
    sql: `select cast(cast(p.start_time as date) as varchar(10)) as day, count(*) as plays, count(distinct p.user_id) as listeners
from songplays p
group by cast(p.start_time as date)
order by plays desc, cast(p.start_time as date)
limit 10`,
    bars: { label: 'day', value: 'plays' },
  },
  {
    name: 'top-users',
    title: 'Who listens most',
    sql: `select u.user_id, u.first_name, u.last_name, u.level, count(*) as plays
from songplays p join users u on u.user_id = p.user_id
group by u.user_id, u.first_name, u.last_name, u.level
order by plays desc, u.user_id
limit 10`,
    bars: { label: 'user_id', value: 'plays' },
  },
  {
    name: 'top-locations',
    title: 'Where the listening happens',
    sql: `select coalesce(p.location, '(unknown)') as location, count(*) as plays, count(distinct p.user_id) as listeners
from songplays p
group by coalesce(p.location, '(unknown)')
order by plays desc, location
limit 10`,
    bars: { label: 'location', value: 'plays' },
  },
  {
    name: 'paid-vs-free',
    title: 'Plays on paid and free subscriptions',
    sql: `select p.level, count(*) as plays, count(distinct p.user_id) as listeners
from songplays p
group by p.level
order by p.level`,
    bars: { label: 'level', value: 'plays' },
  },
  {
    name: 'plays-by-gender',
    title: 'Plays by gender',
    sql: `select coalesce(u.gender, '(unknown)') as gender, count(*) as plays, count(distinct u.user_id) as listeners
from songplays p join users u on u.user_id = p.user_id
group by coalesce(u.gender, '(unknown)')
order by gender`,
    bars: { label: 'gender', value: 'plays' },
  },
  {
    name: 'longest-sessions',
    title: 'The sessions with the most plays',
    sql: `select p.session_id, min(p.user_id) as user_id, count(*) as plays, min(p.start_time) as first_play, max(p.start_time) as last_play
from songplays p
group by p.session_id
order by plays desc, p.session_id
limit 10`,
    bars: { label: 'session_id', value: 'plays' },
  },
  {
    name: 'new-listeners',
    title: 'Users by the day of their first play (UTC)',
    sql: `select cast(f.day as varchar(10)) as day, count(*) as new_listeners
from (select user_id, min(cast(start_time as date)) as day from songplays where user_id is not null group by user_id) f
group by f.day
order by f.day`,
    bars: { label: 'day', value: 'new_listeners' },
  },
  {
    name: 'catalogue-coverage',
    title: 'Plays of songs that are in the catalogue',
    sql: `select count(*) as plays, count(p.song_id) as matched, count(distinct p.song_id) as songs, count(distinct p.artist_id) as artists
from songplays p`,
  },
];
