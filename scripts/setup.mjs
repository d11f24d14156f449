// What `npm run demo` and `npm test` need before they can start on a bare clone: Node, the dependencies, a build.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
export const bin = join(root, 'dist', 'bundle', 'bin.js');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** Runs one step and says how long it took; ends the process with its status when it fails. All of it goes to stderr. */
export function step(title, command, args, { env = {}, stdout = 2 } = {}) {
  process.stderr.write(`${title} …\n`);
  const started = Date.now();
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', stdout, 2],
    shell: process.platform === 'win32',
  });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  if (error !== undefined) process.stderr.write(`${error.message}\n`);
  if (status !== 0) {
    process.stderr.write(`${title}: failed after ${seconds} s\n`);
    process.exit(signal === null ? (status ?? 1) : 130);
  }
  process.stderr.write(`${title}: done in ${seconds} s\n`);
}

/** The program a dependency brings, run by this Node. */
export function tool(path, ...args) {
  return [process.execPath, [join(root, 'node_modules', ...path.split('/')), ...args]];
}

export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 11)) return;
  process.stderr.write(`sparkify needs Node 20.11 or newer; this is ${process.versions.node}\n`);
  process.exit(3);
}

/** Installs what package-lock.json names, unless exactly that is there. */
export function install() {
  if (installed()) return;
  step('Installing dependencies', npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

function installed() {
  // npm writes this file last: without it an installation was not finished.
  const found = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(found)) return false;
  const there = JSON.parse(readFileSync(found, 'utf8')).packages;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(
    // Optional ones are for other machines, perhaps.
    ([path, { version, optional, devOptional }]) =>
      path === '' || optional === true || devOptional === true || there[path]?.version === version,
  );
}

/** Builds the package when its sources, the packages in its bundle or the way it is bundled are newer. */
export function build() {
  const files = ['package-lock.json', 'scripts/bundle.mjs', 'scripts/bundle-libsql.mjs'].map(
    (file) => statSync(join(root, file)).mtimeMs,
  );
  const sources = Math.max(newest(join(root, 'src')), newest(join(root, 'pipelines')), ...files);
  if (existsSync(bin) && statSync(bin).mtimeMs >= sources) return;
  step('Building', process.execPath, [join(root, 'scripts', 'build.mjs')]);
}

function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) latest = Math.max(latest, statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs);
  }
  return latest;
}
