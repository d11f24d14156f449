/**
 * `sparkify up` on a project with the Sparkify pipeline on its schedule and a little history: from the start of the process
 * to its first answer over HTTP, and its resident memory when it has been idle for a while.
 *
 *     npm run bench -- up [rounds=9] [idleSeconds=15]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { measured, SPARKIFY } from './measured-process.ts';
import { median, report, say } from './results.ts';

const [rounds = 9, idleSeconds = 15] = process.argv.slice(2).map(Number);
const PORT = 7399;
const folder = mkdtempSync(join(tmpdir(), 'sparkify-bench-up-'));

/** Runs `up` until it answers and `idle` milliseconds longer. */
async function up(idleMs: number): Promise<{ readonly answeredMs: number; readonly residentMb: number }> {
  const started = performance.now();
  const child = spawn(process.execPath, [SPARKIFY, 'up', '--port', String(PORT)], { cwd: folder, stdio: 'ignore' });
  const ended = once(child, 'exit');
  let answeredMs: number | undefined;
  while (answeredMs === undefined) {
    if (child.exitCode !== null) throw new Error(`sparkify up ended with ${child.exitCode}`);
    const answer = await fetch(`http://127.0.0.1:${PORT}/api/v1/health`).catch(() => undefined);
    if (answer?.ok === true) answeredMs = performance.now() - started;
    else await wait(2);
  }
  await wait(idleMs);
  const resident = /^VmRSS:\s+(\d+) kB/mu.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
  child.kill('SIGTERM');
  await ended;
  return { answeredMs, residentMb: Number(resident![1]) / 1024 };
}

try {
  const paths = "{ logData: 'data/log_data', songData: 'data/song_data' }";
  writeFileSync(join(folder, 'sparkify.config.ts'), `export default { params: { sparkify: ${paths} } };\n`);
  const run = (...args: string[]) => measured(SPARKIFY, args, { cwd: folder });
  await run('simulate', '--out', 'data', '--users', '100', '--songs', '200', '--to', '2018-11-08');
  await run('backfill', 'sparkify', '--from', '2018-11-01', '--to', '2018-11-08');
  const answered: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const { answeredMs } = await up(0);
    say(`round ${round}: ${answeredMs.toFixed(0)} ms`);
    if (round > 0) answered.push(answeredMs);
  }
  const { residentMb } = await up(idleSeconds * 1000);
  report([
    {
      measure: 'up: start → answering',
      goal: '≤ 1000',
      value: median(answered),
      unit: 'ms',
      detail: `${rounds} rounds, from spawn to the first answer of /health`,
    },
    {
      measure: 'up: resident memory, idle with the flagship',
      goal: '≤ 200',
      value: residentMb,
      unit: 'MB',
      detail: `${idleSeconds} s after its start`,
    },
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
