/**
 * The data of the measurements, made once by the simulator into a cache folder and kept: the same bytes everywhere.
 *
 *     npm run bench -- data [smoke|1m|10m|dirty …]
 *
 * The folder is SPARKIFY_BENCH_DATA, else `sparkify-bench` in the system's folder of temporary files. 10 M events take
 * about 5.5 GB and two minutes.
 */
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { localFolderSink, type SimulateOptions, simulate } from '../src/simulator/index.ts';
import { say } from './results.ts';

export const benchFolder = process.env.SPARKIFY_BENCH_DATA ?? join(tmpdir(), 'sparkify-bench');

/** A simulated Sparkify on disk. */
export interface BenchData {
  readonly logData: string;
  readonly songData: string;
  /** All songs as one newline-delimited file. */
  readonly songsInOne: string;
  readonly events: number;
  readonly songs: number;
}

const YEAR = { seed: 1, from: '2018-01-01', to: '2018-12-27' } as const;

/** 360 daily files each. */
const sizes = {
  smoke: { ...YEAR, users: 10, songs: 300 },
  '1m': { ...YEAR, users: 520, songs: 20_000 },
  '10m': { ...YEAR, users: 5_200, songs: 100_000 },
} as const satisfies Record<string, SimulateOptions>;

export type Size = keyof typeof sizes;

export function isSize(name: string): name is Size {
  return Object.hasOwn(sizes, name);
}

export function sizedData(size: Size): Promise<BenchData> {
  return simulated(size, sizes[size]);
}

/** Many one-record files and a month of few events. */
export function smallFiles(songs: number): Promise<BenchData> {
  return simulated(`songs-${songs}`, { seed: 2, users: 30, songs, from: '2018-11-01', to: '2018-12-01' });
}

/** Days from 2016-01-01 on, each with about as many events, whatever weekday it is. */
export function evenDays(days: number, eventsPerDay: number, songs: number): Promise<BenchData> {
  const to = new Date(Date.UTC(2016, 0, 1 + days)).toISOString().slice(0, 10);
  const config = { growth: 0, attrition: 0, churn: 0, damping: { weekend: 0, holiday: 0 } };
  // One user makes 4.74 events a day.
  const users = Math.max(1, Math.round(eventsPerDay / 4.74));
  return simulated(`days-${days}-${eventsPerDay}-${songs}`, { seed: 3, users, songs, from: '2016-01-01', to, config });
}

/** The logs of a size with three bad lines in every file: one cut, one that is no JSON, one with a wrong type. */
export async function dirtyLogs(size: Size): Promise<BenchData> {
  const clean = await sizedData(size);
  const folder = join(benchFolder, `${size}-dirty`);
  await once(folder, async (unfinished) => {
    for (const key of readdirSync(clean.logData, { recursive: true, encoding: 'utf8' })) {
      if (!key.endsWith('.json')) continue;
      const target = join(unfinished, 'log_data', key);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, spoilt(readFileSync(join(clean.logData, key), 'latin1')), 'latin1');
    }
    return { events: clean.events, songs: clean.songs };
  });
  return { ...clean, logData: join(folder, 'log_data') };
}

function spoilt(text: string): string {
  const lines = text.split('\n');
  const at = (share: number): number => Math.floor((lines.length - 1) * share);
  const [a, b, c] = [at(0.25), at(0.5), at(0.75)];
  const whole = lines[a] ?? '';
  lines.splice(c, 0, whole.replace(/"sessionId":\d+/, '"sessionId":"12"'));
  lines.splice(b, 0, 'NaN, {"half":');
  lines.splice(a, 0, whole.slice(0, whole.length >> 1));
  return lines.join('\n');
}

async function simulated(name: string, options: SimulateOptions): Promise<BenchData> {
  const folder = join(benchFolder, name);
  const { events, songs } = await once(folder, async (unfinished) => {
    const files = localFolderSink(unfinished);
    const inOne = createWriteStream(join(unfinished, 'songs.ndjson'));
    const truth = await simulate(
      {
        ...options,
        truthPlays: false,
        onProgress: ({ phase, done, total }) => {
          if (done === total || done % 60 === 0) process.stderr.write(`\r${name}: ${phase} ${done} of ${total}   `);
        },
      },
      {
        write: async (key, content) => {
          if (key.startsWith('song_data/')) inOne.write(`${Buffer.from(content).toString('utf8').trimEnd()}\n`);
          await files.write(key, content);
        },
      },
    );
    process.stderr.write('\n');
    inOne.end();
    await finished(inOne);
    return { events: truth.records.events.read, songs: truth.records.songs.read };
  });
  return {
    logData: join(folder, 'log_data'),
    songData: join(folder, 'song_data'),
    songsInOne: join(folder, 'songs.ndjson'),
    events,
    songs,
  };
}

interface Made {
  readonly events: number;
  readonly songs: number;
}

/** Makes a folder whole or not at all; one that is there is taken. */
async function once(folder: string, make: (unfinished: string) => Promise<Made>): Promise<Made> {
  const note = join(folder, 'made.json');
  if (existsSync(note)) return JSON.parse(readFileSync(note, 'utf8')) as Made;
  say(`Making ${folder} …`);
  const unfinished = `${folder}.unfinished`;
  for (const old of [folder, unfinished]) rmSync(old, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  const made = await make(unfinished);
  writeFileSync(join(unfinished, 'made.json'), JSON.stringify(made));
  renameSync(unfinished, folder);
  return made;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.length > 2 ? process.argv.slice(2) : ['1m', 'dirty', '10m'];
  for (const name of names) {
    const data = name === 'dirty' ? await dirtyLogs('1m') : await sizedData(isSize(name) ? name : 'smoke');
    say(
      `${name}: ${data.events.toLocaleString('en-US')} events, ${data.songs.toLocaleString('en-US')} songs in ${dirname(data.logData)}`,
    );
  }
}
