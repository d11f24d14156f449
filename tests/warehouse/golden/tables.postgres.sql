-- The tables of pipeline fixture, for PostgreSQL.
-- Generated from the pipeline’s definition; change it there. Timestamps are UTC, text compares by bytes.

create schema if not exists "music ""x""";

-- staging_plays: staging, one row per staged record
-- Plays as they were read.
create table if not exists "music ""x"""."staging_plays" (
  "_object" bigint not null,
  "_row"    bigint not null,
  "id"      bigint not null,
  "ts"      bigint not null,
  "title"   text collate "C",
  "length"  double precision,
  "liked"   boolean,
  primary key ("_object", "_row")
);
comment on table "music ""x"""."staging_plays" is 'Plays as they were read.';
comment on column "music ""x"""."staging_plays"."_object" is 'The object it was read from, in sparkify_ledger.objects';
comment on column "music ""x"""."staging_plays"."_row" is 'Its place among the staged rows of that object, from 0';
comment on column "music ""x"""."staging_plays"."id" is 'Number of the play.';
comment on column "music ""x"""."staging_plays"."ts" is 'When, epoch milliseconds.';
comment on column "music ""x"""."staging_plays"."title" is 'The song''s title.';
comment on column "music ""x"""."staging_plays"."length" is 'Seconds.';

-- plays: fact, one row per play_id
-- One row per play.
-- The key comes from the event.
create table if not exists "music ""x"""."plays" (
  "play_id"     bigint not null,
  "start_time"  timestamp not null,
  "song ""id""" text collate "C",
  "length"      double precision,
  "liked"       boolean,
  primary key ("play_id")
);
comment on table "music ""x"""."plays" is 'One row per play.
The key comes from the event.';
comment on column "music ""x"""."plays"."play_id" is 'Number of the play.';
comment on column "music ""x"""."plays"."start_time" is 'UTC. → time.start_time';
comment on column "music ""x"""."plays"."song ""id""" is 'It’s the song’s; or NULL. → songs.song_id';
comment on column "music ""x"""."plays"."length" is 'Seconds.';

-- songs: dimension, one row per song_id
-- Songs, one row each;
-- -- drop table plays; it's a comment
create table if not exists "music ""x"""."songs" (
  "song_id" text collate "C" not null,
  "plays"   bigint not null,
  primary key ("song_id")
);
comment on table "music ""x"""."songs" is 'Songs, one row each;
-- drop table plays; it''s a comment';
comment on column "music ""x"""."songs"."song_id" is 'The title.';
comment on column "music ""x"""."songs"."plays" is 'How many.';

-- time: calendar, one row per start_time
-- Start times of plays.
create table if not exists "music ""x"""."time" (
  "start_time" timestamp not null,
  "hour"       smallint not null,
  primary key ("start_time")
);
comment on table "music ""x"""."time" is 'Start times of plays.';
comment on column "music ""x"""."time"."start_time" is 'UTC.';
comment on column "music ""x"""."time"."hour" is '0 to 23.';

-- daily: derived by SQL, one row per day
-- Plays a day.
create table if not exists "music ""x"""."daily" (
  "day" timestamp not null,
  "n"   bigint,
  primary key ("day")
);
comment on table "music ""x"""."daily" is 'Plays a day.';
comment on column "music ""x"""."daily"."day" is 'UTC.';
comment on column "music ""x"""."daily"."n" is 'Plays.';
