import sparkify from '../../pipelines/sparkify/index.ts';
import type { Check } from '../../src/pipeline/check.ts';
import { type ResolvedPipeline, resolvePipeline } from '../../src/pipeline/define.ts';
import type { Staging } from '../../src/pipeline/tables.ts';

/** The Sparkify pipeline, with other checks where given. */
export function smallSparkify(checks?: readonly Check[]): ResolvedPipeline {
  const pipeline = resolvePipeline(sparkify, { logData: '/logs', songData: '/songs' });
  return checks === undefined ? pipeline : { ...pipeline, checks };
}

export function stagingOf(pipeline: ResolvedPipeline, name: string): Staging {
  return pipeline.stagings.find((s) => s.name === name)!;
}

export const DAY = 86_400_000;
export const NOV_1 = Date.UTC(2018, 10, 1);

/** The n-th day of November 2018, and `days` of it. */
export function november(day: number, days = 1): { startMs: number; endMs: number } {
  const startMs = NOV_1 + (day - 1) * DAY;
  return { startMs, endMs: startMs + days * DAY };
}

type Record_ = Readonly<Record<string, string | number | null>>;

export function event(ts: number, session: number, item: number, rest: Record_ = {}): Record_ {
  return {
    ts,
    session_id: session,
    item_in_session: item,
    page: 'NextSong',
    level: 'free',
    user_id: '7',
    first_name: 'Ada',
    last_name: 'L',
    gender: 'F',
    auth: 'Logged In',
    method: 'PUT',
    status: 200,
    artist: 'Nobody',
    song: 'Nothing',
    length: 100,
    location: 'Paris',
    user_agent: '"Mozilla"',
    registration: 1540000000000,
    ...rest,
  };
}

export function song(id: string, title: string, artist: string, rest: Record_ = {}): Record_ {
  return {
    num_songs: 1,
    song_id: id,
    title,
    artist_id: `AR${artist}`,
    artist_name: artist,
    artist_location: '',
    artist_latitude: null,
    artist_longitude: null,
    duration: 100,
    year: 0,
    ...rest,
  };
}
