import { read, type Staging, staging } from 'sparkify';

export interface SourceParams {
  readonly logData: string;
  readonly songData: string;
  readonly logJsonPaths?: string | undefined;
}

/** Largest numbers for which `sessionId × 2^20 + itemInSession` fits a BIGINT; anything above goes to quarantine. */
const MAX_SESSION_ID = 2 ** 43 - 1;
const MAX_ITEM_IN_SESSION = 2 ** 20 - 1;

/** The activity logs, one file a UTC day. Columns stand in the alphabetical order of their fields, as jsonpaths files map them. */
export function stagingEvents(params: SourceParams): Staging {
  return staging('staging_events', {
    doc: 'Every event of the app as it was logged: plays, page views, logins.',
    root: params.logData,
    template: '{yyyy}/{MM}/{yyyy-MM-dd}-events.json',
    jsonPaths: params.logJsonPaths,
    columns: {
      artist: read.text({ doc: 'Artist of the song played; null unless page is NextSong.' }),
      auth: read.text({ doc: 'Logged In, Logged Out, …' }),
      first_name: read.text({ field: 'firstName', doc: "The user's first name; null when logged out." }),
      gender: read.text({ doc: 'F or M; null when logged out.' }),
      item_in_session: read.integer({
        field: 'itemInSession',
        required: true,
        min: 0,
        max: MAX_ITEM_IN_SESSION,
        doc: 'Number of the event within its session, from 0.',
      }),
      last_name: read.text({ field: 'lastName', doc: "The user's last name; null when logged out." }),
      length: read.double({ doc: 'Length of the song played, in seconds.' }),
      level: read.text({ required: true, doc: 'Subscription at the time of the event: free or paid.' }),
      location: read.text({ doc: 'Metropolitan area of the user.' }),
      method: read.text({ doc: 'HTTP method.' }),
      page: read.text({ required: true, doc: 'Page or action; NextSong is a play.' }),
      registration: read.double({ doc: 'When the user registered, epoch milliseconds UTC.' }),
      session_id: read.integer({
        field: 'sessionId',
        required: true,
        min: 0,
        max: MAX_SESSION_ID,
        doc: 'Session of the app.',
      }),
      song: read.text({ doc: 'Title of the song played; null unless page is NextSong.' }),
      status: read.integer({ doc: 'HTTP status.' }),
      ts: read.epochMs({ required: true, doc: 'When it happened, epoch milliseconds UTC.' }),
      user_agent: read.text({ field: 'userAgent', doc: 'Browser, often wrapped in literal quotes.' }),
      user_id: read.text({
        field: 'userId',
        integerText: true,
        doc: 'The user as text; empty when logged out.',
      }),
    },
    key: ['session_id', 'item_in_session'],
    winner: [{ sql: 'r.ts' }],
    eventTime: 'ts',
  });
}

/** The song catalogue, one JSON object a file, in any layout; it has no time, so it is always listed whole. */
export function stagingSongs(params: SourceParams): Staging {
  return staging('staging_songs', {
    doc: 'The song catalogue as delivered, one record a track.',
    root: params.songData,
    columns: {
      num_songs: read.integer({ doc: 'Always 1.' }),
      artist_id: read.text({ required: true, doc: 'Artist, AR….' }),
      artist_latitude: read.double({ doc: 'Degrees north, where known.' }),
      artist_longitude: read.double({ doc: 'Degrees east, where known.' }),
      artist_location: read.text({ doc: 'Free text; empty where unknown.' }),
      artist_name: read.text({ required: true, doc: 'Name as printed on this track.' }),
      song_id: read.text({ required: true, doc: 'Song, SO….' }),
      title: read.text({ required: true, doc: 'Title.' }),
      duration: read.double({ required: true, doc: 'Seconds.' }),
      year: read.integer({ doc: 'Year of release; 0 where unknown.' }),
    },
    key: ['song_id'],
    winner: [{ sql: 'r.title' }, { sql: 'r.artist_id' }],
  });
}
