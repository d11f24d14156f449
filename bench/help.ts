/**
 * Wall time of `sparkify --help`, and of a Node that does nothing, in turn.
 *
 *     npm run bench -- help [rounds=15]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Measured, measured, SPARKIFY } from './measured-process.ts';
import { median, report } from './results.ts';

const rounds = Number(process.argv[2] ?? 15);
const folder = mkdtempSync(join(tmpdir(), 'sparkify-bench-help-'));
const nothing = join(folder, 'nothing.mjs');
writeFileSync(nothing, '');
try {
  const help: Measured[] = [];
  const bare: Measured[] = [];
  for (let round = 0; round <= rounds; round++) {
    const pair = [
      await measured(SPARKIFY, ['--help'], { cwd: folder }),
      await measured(nothing, [], { cwd: folder }),
    ] as const;
    if (round === 0) continue;
    help.push(pair[0]);
    bare.push(pair[1]);
  }
  const ms = (runs: readonly Measured[]): number => median(runs.map((m) => m.wallSeconds)) * 1000;
  report([
    {
      measure: 'sparkify --help',
      goal: '≤ 150',
      value: ms(help),
      unit: 'ms',
      detail: `${rounds} rounds; a Node that does nothing ${ms(bare).toFixed(0)} ms`,
    },
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
