import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorText, SparkifyError } from '../core/errors.ts';
import type { KeptText, SegmentStore } from './store.ts';

const MARK = 'segments.id';
const WRITES_AT_ONCE = 16;

/** A folder that is the store itself: what is finished in it lasts, and nothing has to be brought. */
export function folderSegments(directory: string): SegmentStore {
  return {
    directory,
    shown: directory,
    check: async () => folderId(directory, randomUUID),
    // Whoever can write into a folder of this machine has chosen it.
    claim: async () => undefined,
    bring: async () => undefined,
    keep: async (path) => path,
    holds: async (path) => existsSync(join(directory, path)),
    kept: async () => [],
    remove: async (paths) => {
      for (const path of paths) await rm(join(directory, path), { recursive: true, force: true });
    },
    writeTexts: async (texts) => writeTexts(directory, texts),
    readText: async (path) =>
      readFile(join(directory, path)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      }),
    close: async () => undefined,
  };
}

/**
 * The name of a folder of segments, the same for everybody who sees the same folder. It is given by whoever comes first.
 * @param makeId of a new folder
 * @throws WAREHOUSE_OPEN_FAILED
 */
function folderId(directory: string, makeId: () => string): string {
  try {
    return readOrMake(directory, makeId);
  } catch (error) {
    throw new SparkifyError('WAREHOUSE_OPEN_FAILED', { target: directory, detail: errorText(error) }, { cause: error });
  }
}

function readOrMake(directory: string, makeId: () => string): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, MARK);
  for (;;) {
    try {
      const id = readFileSync(path, 'utf8').trim();
      if (id !== '') return id;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    try {
      writeFileSync(path, `${makeId()}\n`, { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

async function writeTexts(directory: string, texts: readonly KeptText[]): Promise<void> {
  for (let i = 0; i < texts.length; i += WRITES_AT_ONCE)
    await Promise.all(texts.slice(i, i + WRITES_AT_ONCE).map((t) => writeText(join(directory, t.path), t)));
  // What was renamed outlasts a loss of power only with its folder.
  for (const folder of new Set(texts.map((t) => dirname(join(directory, t.path))))) {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

async function writeText(path: string, { path: shown, bytes }: KeptText): Promise<void> {
  const there = await readFile(path).catch(() => undefined);
  if (there?.equals(bytes) === true) return;
  await mkdir(dirname(path), { recursive: true });
  const unfinished = `${path}.tmp`;
  try {
    const file = await open(unfinished, 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    throw new SparkifyError('DISK_FULL', { what: shown }, { cause: error });
  }
}
