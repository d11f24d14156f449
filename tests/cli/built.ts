import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { CliOptions, CliResult } from './in-process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = join(root, 'dist', 'bundle', 'bin.js');

/** The built command for a shell. */
export const commandLine = `'${process.execPath}' '${bin}'`;

function newest(folder: string): number {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((f) => f.isFile());
  return Math.max(0, ...files.map((f) => statSync(join(f.parentPath, f.name)).mtimeMs));
}

/** Builds the package when what it is made of is newer; one of several test processes does it. */
export async function ensureBuilt(): Promise<void> {
  const sources = (): number =>
    Math.max(
      ...['src', 'pipelines'].map((folder) => newest(join(root, folder))),
      ...['package-lock.json', 'scripts/bundle.mjs', 'scripts/bundle-libsql.mjs'].map(
        (file) => statSync(join(root, file)).mtimeMs,
      ),
    );
  const stale = (): boolean => !existsSync(bin) || statSync(bin).mtimeMs < sources();
  const lock = join(root, 'node_modules', '.sparkify-building');
  while (stale()) {
    try {
      mkdirSync(lock);
    } catch {
      // A lock that is minutes old was left by a process that was killed.
      if (Date.now() - statSync(lock, { throwIfNoEntry: false })!.mtimeMs > 120_000) rmSync(lock, { recursive: true });
      await pause(100);
      continue;
    }
    try {
      const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { cwd: root });
      if (status !== 0) throw new Error(`the package does not compile:\n${stderr.toString()}`);
    } finally {
      rmSync(lock, { recursive: true, force: true });
    }
  }
}

/** Runs the built command as a process. */
export async function sparkifyProcess(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const result = await startSparkify(args, options);
  return { code: result.exitCode ?? -1, out: String(result.stdout), err: String(result.stderr) };
}

export function startSparkify(args: readonly string[], { cwd, env = {}, input }: CliOptions) {
  return execa(process.execPath, [bin, ...args], {
    cwd,
    env: { ...env, SPARKIFY_WAREHOUSE: env.SPARKIFY_WAREHOUSE ?? '', NO_COLOR: '1' },
    reject: false,
    stripFinalNewline: false,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
  });
}
