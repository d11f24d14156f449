/**
 * JSON files to a published star, everything included, against plain DuckDB (tables by `read_json`, then SQL): whole
 * processes in turn, medians of the rounds' ratios, peak memory of each.
 *
 *     npm run bench -- full-load [smoke|1m|10m|dirty|dirty-smoke] [rounds=5] [memory limit, such as 512MB]
 *
 * `dirty`: the 1 M events with three bad lines in every file; plain DuckDB, which cannot read them, loads the clean ones.
 * Both sides read the same files. With 10 M events a further side has plain DuckDB read the songs from one newline-delimited
 * file, because its glob over 100,000 files takes ten seconds; nobody counts how that file came to be. The memory limit is
 * the setting SPARKIFY_MEMORY_LIMIT of another side, measured beside the product's default.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchData, benchFolder, dirtyLogs, isSize, type Size, sizedData } from './data.ts';
import { type Measured, measured, SPARKIFY, script } from './measured-process.ts';
import { describe, median, medianRatio, type ResultRow, report, say } from './results.ts';

const [name = '1m', roundsText = '5', memoryLimit] = process.argv.slice(2);
const rounds = Number(roundsText);
const dirty = name.startsWith('dirty');
const size: Size = dirty ? (name === 'dirty-smoke' ? 'smoke' : '1m') : isSize(name) ? name : '1m';
const clean = await sizedData(size);
const data = dirty ? await dirtyLogs(size) : clean;
const work = mkdtempSync(join(benchFolder, 'full-load-'));

interface Side {
  readonly name: string;
  readonly run: (file: string) => Promise<Measured>;
  readonly runs: Measured[];
}

const PLAIN = 'plain DuckDB';
const sides: Side[] = [
  { name: PLAIN, run: (file) => plain(clean.logData, clean.songData, file), runs: [] },
  ...(size === '10m'
    ? [{ name: `${PLAIN}, songs in one file`, run: (f: string) => plain(clean.logData, clean.songsInOne, f), runs: [] }]
    : []),
  { name: 'sparkify', run: (file) => sparkify(data, file), runs: [] },
  ...(memoryLimit === undefined
    ? []
    : [{ name: `sparkify, ${memoryLimit}`, run: (file: string) => sparkify(data, file, memoryLimit), runs: [] }]),
];

function plain(logs: string, songs: string, file: string): Promise<Measured> {
  return measured(script('plain-duckdb'), ['star', file, logs, songs], { cwd: work });
}

function sparkify(from: BenchData, file: string, limit?: string): Promise<Measured> {
  const args = [
    'run',
    'sparkify',
    '--warehouse',
    `duckdb:${file}`,
    '--set',
    `logData=${from.logData}`,
    '--set',
    `songData=${from.songData}`,
  ];
  return measured(SPARKIFY, args, { cwd: work, env: limit === undefined ? {} : { SPARKIFY_MEMORY_LIMIT: limit } });
}

async function once(side: Side): Promise<{ readonly run: Measured; readonly tables: string }> {
  const folder = mkdtempSync(join(work, 'side-'));
  const file = join(folder, 'warehouse.duckdb');
  try {
    const run = await side.run(file);
    const { stdout } = await measured(script('plain-duckdb'), ['counts', file], { cwd: work });
    return { run, tables: stdout.trim() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  // The first round warms the caches up and shows that all sides end with as many rows.
  for (let round = 0; round <= rounds; round++) {
    const tables = new Set<string>();
    for (const side of sides) {
      const result = await once(side);
      if (round > 0) side.runs.push(result.run);
      tables.add(result.tables);
      say(`round ${round}: ${describe(side.name, [result.run])}`);
    }
    if (tables.size > 1) throw new Error(`the sides end with different tables: ${[...tables].join(' and ')}`);
  }
  const [theirs, ...others] = sides.filter((side) => side.name.startsWith(PLAIN));
  const ours = sides.filter((side) => !side.name.startsWith(PLAIN));
  const about = `${data.events.toLocaleString('en-US')} events, ${data.songs.toLocaleString('en-US')} songs, ${rounds} rounds`;
  const goal = dirty ? '≤ 1.2' : '≤ 0.6';
  const rows = ours.flatMap((side): ResultRow[] => [
    {
      measure: `full load ${name}: ${side.name} ÷ plain DuckDB`,
      goal,
      value: medianRatio(side.runs, theirs!.runs),
      unit: '',
      detail: `${about}: ${describe(side.name, side.runs)}; ${describe(theirs!.name, theirs!.runs)}`,
    },
    ...others.map((other) => ({
      measure: `full load ${name}: ${side.name} ÷ ${other.name}`,
      value: medianRatio(side.runs, other.runs),
      unit: '',
      detail: describe(other.name, other.runs),
    })),
    {
      measure: `full load ${name}: peak RSS of ${side.name}`,
      ...(name === '10m' ? { goal: '≤ 0.8' } : {}),
      value: Math.max(...side.runs.map((m) => m.peakMb)) / 1000,
      unit: 'GB',
      detail: `plain DuckDB ${(median(theirs!.runs.map((m) => m.peakMb)) / 1000).toFixed(2)} GB`,
    },
  ]);
  report(rows);
} finally {
  rmSync(work, { recursive: true, force: true });
}
