import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

const EVERY_MS = 1000;
const SOURCE = /\.(?:[cm]?[jt]s|json|sql)$/;

/**
 * Calls `changed` after a source file beside one of these was added, changed or removed; gives back the end of it. Folders
 * below theirs are not looked at.
 */
export function watchDefinitions(files: () => readonly string[], changed: () => Promise<void>): () => void {
  let seen = stateOf(files());
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    const now = stateOf(files());
    if (now === seen) return;
    seen = now;
    busy = true;
    void changed().finally(() => {
      busy = false;
    });
  }, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function stateOf(files: readonly string[]): string {
  const folders = [...new Set(files.map((file) => dirname(file)))].sort();
  return folders
    .flatMap((folder) => namesIn(folder).map((name) => join(folder, name)))
    .map((path) => {
      const found = statSync(path, { throwIfNoEntry: false });
      return `${path} ${found?.size} ${found?.mtimeMs}`;
    })
    .join('\n');
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => SOURCE.test(name))
      .sort();
  } catch {
    return [];
  }
}
