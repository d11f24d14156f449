/**
 * Many one-record files into staging, against DuckDB's glob over them on the one thread it can do it with: whole
 * processes in turn. Sparkify's side lists, reads, validates, hashes, writes the segment and the ledger's rows.
 *
 *     npm run bench -- small-files [files=100000] [rounds=5]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { benchFolder, smallFiles } from './data.ts';
import { type Measured, measured, SPARKIFY, script } from './measured-process.ts';
import { describe, medianRatio, report, say } from './results.ts';

const [files = 100_000, rounds = 5] = process.argv.slice(2).map(Number);
const data = await smallFiles(files);
const work = mkdtempSync(join(benchFolder, 'small-files-'));
const ours: Measured[] = [];
const theirs: Measured[] = [];

async function inFolder(run: (file: string) => Promise<Measured>): Promise<Measured> {
  const folder = mkdtempSync(join(work, 'side-'));
  try {
    return await run(join(folder, 'warehouse.duckdb'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  for (let round = 0; round <= rounds; round++) {
    const glob = await inFolder((file) =>
      measured(script('plain-duckdb'), ['songs', file, data.songData], { cwd: work }),
    );
    const sets = ['--set', `logData=${data.logData}`, '--set', `songData=${data.songData}`];
    const own = await inFolder((file) =>
      measured(SPARKIFY, ['run', 'sparkify', '--only', 'stage_songs', '--warehouse', `duckdb:${file}`, ...sets], {
        cwd: work,
      }),
    );
    say(`round ${round}: ${describe('DuckDB', [glob])}; ${describe('sparkify', [own])}`);
    if (round === 0) continue;
    theirs.push(glob);
    ours.push(own);
  }
  report([
    {
      measure: `${data.songs.toLocaleString('en-US')} small files ÷ DuckDB's glob`,
      goal: '≤ 0.15',
      value: medianRatio(ours, theirs),
      unit: '',
      detail: `${rounds} rounds: ${describe('sparkify', ours)}; ${describe("DuckDB's glob on one thread", theirs)}`,
    },
  ]);
} finally {
  rmSync(work, { recursive: true, force: true });
}
