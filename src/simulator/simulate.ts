import { SparkifyError } from '../core/errors.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { makeCatalogue } from './catalogue.ts';
import type { DefectLabel } from './defects.ts';
import { type AliasSampler, type Exponential, exponential, heavyTailed } from './distributions.ts';
import { jsonPathsText, LineWriter, makeTrack, type Track } from './event-line.ts';
import { inOnePiece } from './json-text.ts';
import { logKey } from './log-file.ts';
import { LogWriter } from './log-writer.ts';
import { KnownSongs } from './matching.ts';
import { type ResolvedSimulation, resolveSimulation, type SimulateOptions } from './options.ts';
import { makePopulation, type User } from './population.ts';
import { RandomStream } from './random.ts';
import { makeRhythm } from './rhythm.ts';
import type { SimulationSink } from './sink.ts';
import { songFiles } from './song-files.ts';
import { Traffic } from './traffic.ts';
import { type SimulationTruth, TruthBooks } from './truth.ts';

const DAY_SECONDS = 86_400;
const SONG_WRITES_AT_ONCE = 32;

/**
 * Writes songs, logs and the ground truth of a simulated Sparkify into the sink, and returns what `truth.json` holds.
 * The keys and bytes are a function of the options alone. One day's file is held in memory at a time.
 * @throws SIMULATION_INVALID for options that cannot be
 */
export async function simulate(options: SimulateOptions, sink: SimulationSink): Promise<SimulationTruth> {
  const simulation = resolveSimulation(options);
  const { knobs } = simulation;
  const spread = exponential();
  const catalogue = makeCatalogue(simulation, spread);
  const known = new KnownSongs();
  const labels = new ByteBuffer(1 << 16);
  const label = (planted: DefectLabel) => labels.write(`${JSON.stringify(planted)}\n`);

  const written = await writeSongs(simulation, catalogue.songs, known, label, options, sink);
  await sink.write('log_json_path.json', Buffer.from(jsonPathsText(), 'latin1'));

  const tracks = [...catalogue.songs, ...catalogue.loose].map((song, i) =>
    makeTrack(i, song, known.match(song.title, song.artistName, song.duration)),
  );
  const msOfSecond = new RandomStream(knobs.seed, 'milliseconds').below(1000);
  const users = makePopulation(simulation, msOfSecond, spread);
  const books = new TruthBooks({ tracks, users: users.length, known });
  written(books);
  await writeLogs(
    { simulation, users, tracks, catalogueSize: catalogue.songs.length, books, known, spread, msOfSecond, label },
    options,
    sink,
  );

  const truth = books.close({ seed: knobs.seed, from: knobs.from, to: knobs.to });
  await sink.write(
    'truth-songs.ndjson',
    ndjson(
      known.songs().map((s) => ({
        song_id: s.songId,
        title: s.title,
        artist_id: s.artistId,
        year: s.year === 0 ? null : s.year,
        duration: s.duration,
      })),
    ),
  );
  await sink.write('truth-artists.ndjson', ndjson(known.artists()));
  await sink.write('truth-users.ndjson', userRows(books, users));
  await sink.write('truth-defects.ndjson', labels.bytes());
  await sink.write('truth.json', truthText(truth));
  return truth;
}

/** Writes the catalogue's files; what comes back enters their numbers into the books, once there are some. */
async function writeSongs(
  simulation: ResolvedSimulation,
  songs: Parameters<typeof songFiles>[0],
  known: KnownSongs,
  label: (label: DefectLabel) => void,
  options: SimulateOptions,
  sink: SimulationSink,
): Promise<(books: TruthBooks) => void> {
  let files = 0;
  let staged = 0;
  let done = 0;
  const seen = new Set<string>();
  const planted: DefectLabel[] = [];
  let underWay: Promise<void>[] = [];
  const settle = async () => {
    await Promise.all(underWay);
    underWay = [];
    throwIfAborted(options.signal);
    options.onProgress?.({ phase: 'songs', done, total: songs.length, events: 0 });
  };
  let duplicated = 0;
  for (const file of songFiles(songs, simulation)) {
    files++;
    if (file.song !== undefined) {
      staged++;
      known.add(file.song);
      if (seen.has(file.song.songId)) duplicated++;
      else seen.add(file.song.songId);
    }
    if (file.label !== undefined) {
      label(file.label);
      planted.push(file.label);
    }
    underWay.push(sink.write(file.key, file.content));
    done = Math.min(songs.length, files);
    if (underWay.length >= SONG_WRITES_AT_ONCE) await settle();
  }
  await settle();
  return (books) => {
    Object.assign(books.songs, { files, read: files, staged, quarantined: files - staged, duplicated });
    for (const { kind, reason } of planted) {
      books.planted(kind);
      if (reason !== null) books.quarantined(reason);
    }
  };
}

interface LogParts {
  readonly simulation: ResolvedSimulation;
  readonly users: readonly User[];
  readonly tracks: readonly Track[];
  readonly catalogueSize: number;
  readonly books: TruthBooks;
  readonly known: KnownSongs;
  readonly spread: Exponential;
  readonly msOfSecond: number;
  readonly label: (label: DefectLabel) => void;
}

async function writeLogs(parts: LogParts, options: SimulateOptions, sink: SimulationSink): Promise<void> {
  const { simulation, users, tracks, books, msOfSecond, label } = parts;
  const { knobs, chain, fromSeconds, toSeconds } = simulation;
  const plays = new ByteBuffer();
  const tails = tracks.map(playTail);
  const days = { first: fromSeconds / DAY_SECONDS, end: toSeconds / DAY_SECONDS };
  const lines = new LineWriter(msOfSecond);
  const writer = new LogWriter({
    seed: knobs.seed,
    defects: simulation.defects,
    lines,
    known: parts.known,
    books,
    days,
    label,
    played: (user, ts, track) => {
      if (!simulation.truthPlays) return;
      const id = user.sessionId * 1_048_576 + user.item;
      const tail = track.index < 0 ? playTail(track) : (tails[track.index] as string);
      plays.write(`{"songplay_id":${id},"start_time":${lines.tsText(ts)}${tail}`);
    },
  });
  const traffic = new Traffic<Track>({
    users,
    chain,
    knobs,
    rhythm: makeRhythm(knobs.damping),
    spread: parts.spread,
    endSecond: toSeconds,
    play: player(parts),
  });
  for (let day = days.first; day < days.end; day++) {
    throwIfAborted(options.signal);
    plays.clear();
    writer.openDay(day);
    traffic.runUntil((day + 1) * DAY_SECONDS, (user, state, second, track) =>
      writer.take(user, state, second * 1000 + msOfSecond, track),
    );
    const file = writer.closeDay();
    if (file !== undefined) await sink.write(file.key, file.content);
    if (plays.size > 0) await sink.write(logKey(day, 'truth-plays', '-plays.ndjson'), plays.bytes());
    const done = day + 1 - days.first;
    options.onProgress?.({ phase: 'logs', done, total: days.end - days.first, events: books.events.read });
  }
}

/** Chooses what a user plays: a song of the catalogue for `catalogueShare` of the plays, else one beyond it. */
function player({ simulation, tracks, catalogueSize }: LogParts): (user: User) => Track {
  const { seed, popularity, catalogueShare } = simulation.knobs;
  const sampler = (count: number, purpose: string): AliasSampler | undefined =>
    count === 0 ? undefined : heavyTailed(count, popularity, new RandomStream(seed, purpose));
  const inside = sampler(catalogueSize, 'popularity');
  const outside = sampler(tracks.length - catalogueSize, 'popularity beyond');
  const share = catalogueShare * 4_294_967_296;
  return ({ taste }) => {
    const draw = taste.next();
    if (inside !== undefined && (outside === undefined || draw < share)) return tracks[inside.draw(taste)] as Track;
    return tracks[catalogueSize + (outside as AliasSampler).draw(taste)] as Track;
  };
}

function playTail({ match, trueSongId }: Track): string {
  const { songId = null, artistId = null, strict = false } = match ?? {};
  const rest = JSON.stringify({ song_id: songId, artist_id: artistId, strict, true_song_id: trueSongId });
  return inOnePiece(`,${rest.slice(1)}\n`);
}

function ndjson(rows: readonly unknown[]): Uint8Array {
  return Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''), 'utf8');
}

function userRows(books: TruthBooks, users: readonly User[]): Uint8Array {
  const rows = [...books.userLevels()]
    .sort(([a], [b]) => a - b)
    .map(([id, changes]) => {
      const { firstName, lastName, gender } = (users[id - 1] as User).profile;
      const level = changes.at(-1)?.[1];
      const [first_name, last_name, sex] = [firstName, lastName, gender].map((json) => JSON.parse(json) as string);
      return { user_id: id, first_name, last_name, gender: sex, level };
    });
  return ndjson(rows);
}

/** Indented, but a user's level history on one line each. */
function truthText({ levelHistory, ...rest }: SimulationTruth): Uint8Array {
  const users = Object.entries(levelHistory).map(([user, changes]) => `    "${user}": ${JSON.stringify(changes)}`);
  const head = JSON.stringify(rest, null, 2).slice(0, -2);
  return Buffer.from(`${head},\n  "levelHistory": {\n${users.join(',\n')}\n  }\n}\n`, 'utf8');
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new SparkifyError('INTERNAL', { detail: 'the simulation was stopped' }, { cause: signal.reason });
}
