import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A way to make writing fail for want of space, at once and for as long as one likes. */
export interface FullDisk {
  /** What lies below this folder is struck. */
  readonly directory: string;
  fill(): void;
  makeRoom(): void;
  dispose(): void;
}

const TMPFS_SIZE = '48m';

export function mayMount(): boolean {
  try {
    smallFileSystem().dispose();
    return true;
  } catch {
    return false;
  }
}

/** A small file system of its own, which only root may mount. Throws where that is not allowed. */
export function smallFileSystem(): FullDisk {
  const directory = mkdtempSync(join(tmpdir(), 'sparkify-full-'));
  try {
    command('mount', ['-t', 'tmpfs', '-o', `size=${TMPFS_SIZE}`, 'sparkify-full', directory]);
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  const ballast = join(directory, 'ballast');
  return {
    directory,
    fill: () => {
      const file = openSync(ballast, 'a');
      try {
        // Large blocks first, then the last bytes.
        for (const size of [1 << 20, 4096, 1]) writeUntilFull(file, Buffer.alloc(size));
      } finally {
        closeSync(file);
      }
    },
    makeRoom: () => rmSync(ballast, { force: true }),
    dispose: () => {
      command('umount', ['-l', directory]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function writeUntilFull(file: number, block: Buffer): void {
  for (;;) {
    try {
      if (writeSync(file, block) < block.length) return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
  }
}

/** This process may write no byte to any file any more (RLIMIT_FSIZE); for everybody, wherever there is `prlimit`. */
export function forbiddenWrites(): FullDisk {
  const limit = (soft: string): void => command('prlimit', ['--pid', String(process.pid), `--fsize=${soft}:`]);
  const directory = mkdtempSync(join(tmpdir(), 'sparkify-full-'));
  // With a listener the signal does not end the process, and the write fails with EFBIG.
  const ignore = (): void => {};
  process.on('SIGXFSZ', ignore);
  return {
    directory,
    fill: () => limit('0'),
    makeRoom: () => limit('unlimited'),
    dispose: () => {
      limit('unlimited');
      process.off('SIGXFSZ', ignore);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function command(name: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(name, args);
  if (status !== 0) throw new Error(`${name} ${args.join(' ')}: ${error?.message ?? stderr.toString()}`);
}
