// `npm run demo` on a bare clone: installs and builds what is missing, then runs `sparkify demo`.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bin = join(root, 'dist', 'src', 'cli', 'bin.js');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

function run(title, command, args) {
  process.stderr.write(`${title} …\n`);
  const started = Date.now();
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error !== undefined) process.stderr.write(`${error.message}\n`);
  if (status !== 0) process.exit(status ?? 1);
  process.stderr.write(`${title}: done in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) latest = Math.max(latest, statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs);
  }
  return latest;
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 11)) {
  process.stderr.write(`sparkify needs Node 20.11 or newer; this is ${process.versions.node}\n`);
  process.exit(3);
}
if (!existsSync(join(root, 'node_modules', '.package-lock.json'))) {
  run('Installing dependencies', npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}
const sources = Math.max(newest(join(root, 'src')), newest(join(root, 'pipelines')));
if (!existsSync(bin) || statSync(bin).mtimeMs < sources) run('Building', npm, ['run', '--silent', 'build']);

const { status, signal } = spawnSync(process.execPath, [bin, 'demo', ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(signal === null ? (status ?? 1) : 130);
