/**
 * A star that grows day by day, on both engines. First the history: a publish a day in one process; its last hundred
 * against its first hundred. Then whole commands, each on a fresh copy of the warehouse, in turn: one more day; the
 * same day into an empty star with the same songs; an object of two years ago that comes late; 100 late songs.
 *
 *     npm run bench -- daily [duckdb|postgres|both] [days=1095] [events a day=5000] [songs=5000] [rounds=7]
 */
import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sparkify from '../pipelines/sparkify/index.ts';
import { systemClock } from '../src/core/clock.ts';
import { noFailpoints } from '../src/core/failpoints.ts';
import { runPipeline } from '../src/operators/run.ts';
import { resolvePipeline } from '../src/pipeline/define.ts';
import { parseInterval } from '../src/pipeline/interval.ts';
import { openSource } from '../src/sources/index.ts';
import { type BenchData, benchFolder, evenDays } from './data.ts';
import { type Engine, embeddedEngine, type Place, postgresEngine } from './engines.ts';
import { type Measured, measured, SPARKIFY } from './measured-process.ts';
import { describe, median, medianRatio, type ResultRow, report, say } from './results.ts';

const LATE_SONGS = 100;
const [which = 'both', ...numbers] = process.argv.slice(2);
const [days = 1095, eventsPerDay = 5000, songs = 5000, rounds = 7] = numbers.map(Number);
/** The day whose object comes late: two years back, or a third into a shorter history. */
const lateDay = days > 731 ? days - 730 : Math.floor(days / 3);

const pool = await evenDays(days + 1, eventsPerDay, songs);
const work = mkdtempSync(join(benchFolder, 'daily-'));
const logs = join(work, 'log_data');
const aside = join(work, 'log_data_aside');
const songData = join(work, 'song_data');

const iso = (day: number): string => new Date(Date.UTC(2016, 0, 1 + day)).toISOString().slice(0, 10);
const interval = (day: number): string => `${iso(day)}/${iso(day + 1)}`;
const keyOf = (day: number): string => `${iso(day).slice(0, 4)}/${iso(day).slice(5, 7)}/${iso(day)}-events.json`;

/** Delivers an object of the pool: the same bytes, under the root that the pipeline reads. */
function deliver(from: string, to: string, key: string): void {
  mkdirSync(dirname(join(to, key)), { recursive: true });
  linkSync(join(from, key), join(to, key));
}

function songKeys(data: BenchData): { readonly early: readonly string[]; readonly late: readonly string[] } {
  const keys = readdirSync(data.songData, { recursive: true, encoding: 'utf8' })
    .filter((k) => k.endsWith('.json'))
    .sort();
  const stride = Math.max(2, Math.floor(keys.length / LATE_SONGS));
  const late = keys.filter((_, i) => i % stride === 0).slice(0, LATE_SONGS);
  const isLate = new Set(late);
  return { early: keys.filter((k) => !isLate.has(k)), late };
}

/** Seconds of each publish: the whole run, and what follows its staging. */
interface Publish {
  readonly run: number;
  readonly publish: number;
}

/** Publishes day after day. The first run, of a day before, brings the songs alone; `songsOnly` is the warehouse then. */
async function writeHistory(
  engine: Engine,
): Promise<{ readonly songsOnly: Place; readonly full: Place; readonly publishes: readonly Publish[] }> {
  const full = await engine.empty('history');
  const pipeline = resolvePipeline(sparkify, { logData: logs, songData });
  const publish = async (warehouse: Awaited<ReturnType<Place['open']>>, day: number): Promise<Publish> => {
    const started = performance.now();
    let staged = started;
    const report = await runPipeline({
      pipeline,
      warehouse,
      openSource: (root) => openSource(root, { cwd: work }),
      interval: parseInterval(interval(day)),
      clock: systemClock,
      failpoints: noFailpoints,
      progress: (event) => {
        if (event.type === 'task.succeeded' && event.task.startsWith('stage_')) staged = performance.now();
      },
      signal: new AbortController().signal,
    });
    if (report.outcome !== 'published') throw new Error(`${iso(day)} ended as ${report.outcome}`);
    const ended = performance.now();
    return { run: (ended - started) / 1000, publish: (ended - staged) / 1000 };
  };
  let warehouse = await full.open();
  await publish(warehouse, -2);
  await warehouse.close();
  const songsOnly = await engine.copy(full, 'songs_only');
  warehouse = await full.open();
  const publishes: Publish[] = [];
  for (let day = 0; day < days; day++) {
    if (day === lateDay) continue;
    deliver(pool.logData, logs, keyOf(day));
    publishes.push(await publish(warehouse, day));
    if (day % 50 === 49)
      say(
        `${engine.name}: ${day + 1} of ${days} days, the last fifty ${median(publishes.slice(-50).map((p) => p.run)).toFixed(3)} s each`,
      );
  }
  await warehouse.close();
  return { songsOnly, full, publishes };
}

interface Scenario {
  readonly name: string;
  readonly runs: Measured[];
  readonly from: Place;
  readonly day: number;
  /** Delivers what is new, and gives back what undoes it. */
  readonly deliver: () => () => void;
}

function scenarios(full: Place, songsOnly: Place, late: readonly string[]): readonly Scenario[] {
  const oneObject = (day: number) => () => {
    deliver(pool.logData, logs, keyOf(day));
    return () => rmSync(join(logs, keyOf(day)));
  };
  return [
    { name: 'one more day', runs: [], from: full, day: days, deliver: oneObject(days) },
    {
      name: 'the same day into an empty star',
      runs: [],
      from: songsOnly,
      day: days,
      deliver: () => {
        renameSync(logs, aside);
        deliver(pool.logData, logs, keyOf(days));
        return () => {
          rmSync(logs, { recursive: true });
          renameSync(aside, logs);
        };
      },
    },
    { name: 'a late object', runs: [], from: full, day: lateDay, deliver: oneObject(lateDay) },
    {
      name: `${late.length} late songs`,
      runs: [],
      from: full,
      day: days - 1,
      deliver: () => {
        for (const key of late) deliver(pool.songData, songData, key);
        return () => {
          for (const key of late) rmSync(join(songData, key));
        };
      },
    },
  ];
}

async function runScenario(engine: Engine, scenario: Scenario): Promise<Measured> {
  const place = await engine.copy(scenario.from, 'copied');
  const undo = scenario.deliver();
  try {
    const args = [
      'run',
      'sparkify',
      '--json',
      '--interval',
      interval(scenario.day),
      '--set',
      `logData=${logs}`,
      '--set',
      `songData=${songData}`,
    ];
    const run = await measured(SPARKIFY, args, { cwd: work, env: { SPARKIFY_WAREHOUSE: place.url, ...place.env } });
    const { outcome } = JSON.parse(run.stdout) as { outcome: string };
    if (outcome !== 'published') throw new Error(`${scenario.name} ended as ${outcome}`);
    return run;
  } finally {
    undo();
    await place.remove();
  }
}

async function measure(engine: Engine): Promise<void> {
  const { early, late } = songKeys(pool);
  for (const folder of [logs, songData]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
  for (const key of early) deliver(pool.songData, songData, key);
  const { songsOnly, full, publishes } = await writeHistory(engine);
  const all = scenarios(full, songsOnly, late);
  for (let round = 0; round <= rounds; round++) {
    for (const scenario of all) {
      const run = await runScenario(engine, scenario);
      if (round > 0) scenario.runs.push(run);
    }
    say(`${engine.name}, round ${round} of ${rounds}`);
  }
  const part = Math.min(100, Math.floor(publishes.length / 2));
  const ends = (pick: (p: Publish) => number): readonly [number, number] => [
    median(publishes.slice(0, part).map(pick)),
    median(publishes.slice(-part).map(pick)),
  ];
  const about = `${days} days of ${Math.round(pool.events / (days + 1)).toLocaleString('en-US')} events, ${early.length.toLocaleString('en-US')} songs`;
  const [first, last] = ends((p) => p.publish);
  const [firstRun, lastRun] = ends((p) => p.run);
  const ratio = (measure: string, goal: string, a: number, b: number): ResultRow => ({
    measure: `${engine.name}: ${measure}`,
    goal,
    value: medianRatio(all[a]!.runs, all[b]!.runs),
    unit: '',
    detail: `${about}, ${rounds} rounds: ${describe(all[a]!.name, all[a]!.runs)}; ${describe(all[b]!.name, all[b]!.runs)}`,
  });
  report([
    {
      measure: `${engine.name}: publish, last ${part} days ÷ first ${part}`,
      goal: '≤ 1.2',
      value: last / first,
      unit: '',
      detail: `${about}: ${(first * 1000).toFixed(0)} → ${(last * 1000).toFixed(0)} ms after staging; the whole run in its process ${(firstRun * 1000).toFixed(0)} → ${(lastRun * 1000).toFixed(0)} ms`,
    },
    ratio('one more day ÷ into an empty star', '≤ 1.2', 0, 1),
    ratio('an object two years late ÷ one more day', '≤ 1.5', 2, 0),
    ratio('100 late songs ÷ one more day', '≤ 6', 3, 0),
  ]);
  for (const place of [full, songsOnly]) await place.remove();
}

try {
  if (which !== 'postgres') await measure(embeddedEngine(work));
  if (which !== 'duckdb') {
    const engine = await postgresEngine(work);
    try {
      await measure(engine);
    } finally {
      await engine.close();
    }
  }
} finally {
  if (existsSync(work)) rmSync(work, { recursive: true, force: true });
}
