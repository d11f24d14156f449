/**
 * Wall time of `sparkify status` and `sparkify plan`, whole commands, in a project with a configuration whose store holds three
 * years of days of the flagship, each with its tasks done; without a running `up`, then with one.
 *
 *     npm run bench -- status-plan [rounds=15] [days=1096]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { benchFolder } from './data.ts';
import { type Measured, measured, SPARKIFY } from './measured-process.ts';
import { describe, median, report, say } from './results.ts';

const [rounds = 15, days = 1096] = process.argv.slice(2).map(Number);
const FROM = '2022-01-01';
const to = new Date(Date.parse(FROM) + days * 86_400_000).toISOString().slice(0, 10);
const cwd = mkdtempSync(join(benchFolder, 'status-plan-'));
const sparkify = (...args: string[]): Promise<Measured> => measured(SPARKIFY, args, { cwd });

const COMMANDS = [
  ['status'],
  ['plan', 'sparkify'],
  ['plan', 'sparkify', '--from', FROM, '--to', to],
] as const satisfies readonly (readonly string[])[];

/** Real runs over little data: the store, the logs and the warehouse are what three years leave behind. */
async function fill(): Promise<void> {
  writeFileSync(
    join(cwd, 'sparkify.config.ts'),
    `import { defineConfig } from 'sparkify';
export default defineConfig({
  params: { sparkify: { logData: 'data/log_data', songData: 'data/song_data' } },
});
`,
  );
  say(`${days} days of little data`);
  await sparkify(
    'simulate',
    '--out',
    'data',
    '--seed',
    '3',
    '--users',
    '5',
    '--songs',
    '50',
    '--from',
    FROM,
    '--to',
    to,
  );
  say('a backfill over them');
  await sparkify('backfill', 'sparkify', '--from', FROM, '--to', to, '--coalesce', '100', '--wait');
}

async function measure(how: string): Promise<void> {
  const times: Measured[][] = COMMANDS.map(() => []);
  for (let round = 0; round <= rounds; round++)
    for (const [i, command] of COMMANDS.entries()) {
      const run = await sparkify(...command);
      if (round > 0) times[i]!.push(run);
    }
  report(
    COMMANDS.map((command, i) => ({
      measure: `sparkify ${command.join(' ')}, ${how}`,
      goal: '≤ 200',
      value: median(times[i]!.map((m) => m.wallSeconds)) * 1000,
      unit: 'ms',
      detail: `${days} days × 13 tasks done, ${rounds} rounds: ${describe('the command', times[i]!)}`,
    })),
  );
}

/** Works while an `up` of the project answers. */
async function whileUp(work: () => Promise<void>): Promise<void> {
  const up = spawn(process.execPath, [SPARKIFY, 'up', '--port', '0'], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(up, 'exit');
  try {
    while (!existsSync(join(cwd, '.sparkify', 'up.json'))) {
      if (up.exitCode !== null) throw new Error(`up ended with ${up.exitCode}`);
      await pause(50);
    }
    await work();
  } finally {
    up.kill('SIGTERM');
    await ended;
  }
}

try {
  await fill();
  await measure('no up');
  await whileUp(() => measure('up running'));
} finally {
  rmSync(cwd, { recursive: true, force: true });
}
