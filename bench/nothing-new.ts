/**
 * A run that finds nothing new over many known objects, the whole command, on both engines.
 *
 *     npm run bench -- nothing-new [duckdb|postgres|both] [objects=10000] [rounds=9]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { benchFolder, smallFiles } from './data.ts';
import { type Engine, embeddedEngine, postgresEngine } from './engines.ts';
import { type Measured, measured, SPARKIFY } from './measured-process.ts';
import { describe, median, report, say } from './results.ts';

const [which = 'both', ...numbers] = process.argv.slice(2);
const [objects = 10_000, rounds = 9] = numbers.map(Number);
const data = await smallFiles(objects);
const work = mkdtempSync(join(benchFolder, 'nothing-new-'));

async function measure(engine: Engine): Promise<void> {
  const place = await engine.empty('warehouse');
  const runs: Measured[] = [];
  for (let round = 0; round <= rounds; round++) {
    const args = [
      'run',
      'sparkify',
      '--json',
      '--set',
      `logData=${data.logData}`,
      '--set',
      `songData=${data.songData}`,
    ];
    const run = await measured(SPARKIFY, args, { cwd: work, env: { SPARKIFY_WAREHOUSE: place.url, ...place.env } });
    const { outcome } = JSON.parse(run.stdout) as { outcome: string };
    if (outcome !== (round === 0 ? 'published' : 'nothing-new')) throw new Error(`round ${round} ended as ${outcome}`);
    if (round > 0) runs.push(run);
    say(`${engine.name}, round ${round}: ${run.wallSeconds.toFixed(2)} s`);
  }
  report([
    {
      measure: `${engine.name}: nothing new over ${objects.toLocaleString('en-US')} known objects`,
      goal: '≤ 1',
      value: median(runs.map((m) => m.wallSeconds)),
      unit: 's',
      detail: `${rounds} rounds: ${describe('sparkify run', runs)}`,
    },
  ]);
  await place.remove();
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
  rmSync(work, { recursive: true, force: true });
}
