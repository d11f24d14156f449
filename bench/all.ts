/**
 * Every row of the table of speed and memory, one script after the other, each in processes of its own; writes
 * `bench/results.json` and `bench/results.md`. Give it a quiet machine: about an hour on two cores, 12 GB of disk.
 *
 *     npm run bench [-- smoke]
 *
 * `smoke` runs everything at small sizes, to see that it works; its figures mean nothing and are not kept.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { script } from './measured-process.ts';
import { isMet, type ResultRow, say, shown } from './results.ts';

const smoke = process.argv[2] === 'smoke';
const steps: readonly (readonly [name: string, full: readonly string[], smoke: readonly string[]])[] = [
  ['help', [], ['3']],
  ['status-plan', [], ['2', '30']],
  ['simulator', [], ['200', '10', '500']],
  ['full-load', ['1m', '7'], ['smoke', '1']],
  ['full-load', ['dirty', '7'], ['dirty-smoke', '1']],
  ['full-load', ['10m', '3', '512MB'], ['smoke', '1', '512MB']],
  ['small-files', [], ['500', '1']],
  ['s3-small-objects', [], ['500', '1']],
  ['postgres-load', ['1000000', '7'], ['20000', '1']],
  ['daily', [], ['both', '8', '200', '300', '1']],
  ['nothing-new', [], ['both', '300', '1']],
  ['api', [], ['sqlite', '100', '20', '3']],
  ['up', [], ['1', '1']],
  ['orchestrator-node', [], ['both', '300', '20', '1']],
  ['orchestrator-queue', [], ['both', '500', '20', '3000', '1']],
];

const folder = mkdtempSync(join(tmpdir(), 'sparkify-bench-rows-'));
const file = join(folder, 'rows');
writeFileSync(file, '');
const failed: string[] = [];
const started = performance.now();
for (const [i, [name, full, small]] of steps.entries()) {
  const args = smoke ? small : full;
  say(
    `[${i + 1}/${steps.length}, ${Math.round((performance.now() - started) / 60_000)} min] ${name} ${args.join(' ')}`,
  );
  const env = { ...process.env, SPARKIFY_BENCH_ROWS: file };
  const { status } = spawnSync(process.execPath, [script(name), ...args], { stdio: 'inherit', env });
  if (status !== 0) failed.push(`${name} ${args.join(' ')}`);
}
const rows = readFileSync(file, 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line) as ResultRow);
rmSync(folder, { recursive: true });

const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}, Node ${process.versions.node}`;
const markdown = [
  '| measure | goal | measured | |',
  '|---|---|---|---|',
  ...rows.map(
    (r) => `| ${r.measure} | ${r.goal ?? ''} | ${shown(r)}${isMet(r) === false ? ' (missed)' : ''} | ${r.detail} |`,
  ),
].join('\n');
console.log(markdown);
if (!smoke) {
  const target = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bench');
  writeFileSync(
    join(target, 'results.json'),
    `${JSON.stringify({ measured: new Date().toISOString().slice(0, 10), machine, rows }, null, 2)}\n`,
  );
  writeFileSync(join(target, 'results.md'), `Measured on ${machine}.\n\n${markdown}\n`);
}
for (const name of failed) say(`failed: ${name}`);
process.exitCode = failed.length > 0 ? 1 : 0;
