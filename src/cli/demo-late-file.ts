import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SparkifyError } from '../core/errors.ts';

/** A log file of which a part comes late. */
export interface LateFile {
  readonly name: string;
  /** Events that are held back. */
  readonly events: number;
  /** Puts the whole file in place. */
  deliver(): Promise<void>;
}

const HELD_BACK = 25;
const DAY_MS = 86_400_000;

/**
 * Leaves the last events out of one day's log, for they will come late. It is a log with events of the day before in it, so
 * that two days are touched when it changes.
 */
export async function holdBackEvents(logData: string): Promise<LateFile> {
  const names = (await readdir(logData, { recursive: true })).filter((name) => /-events\.json$/.test(name)).sort();
  const files = names.map((name) => join(logData, name));
  // From the middle of the month on, where it stands among others.
  for (const path of [...files.slice(files.length / 3), ...files]) {
    const lines = (await readFile(path, 'latin1')).split('\n');
    const late = lines.slice(-HELD_BACK);
    if (lines.length < 4 * HELD_BACK || !late.every(isEvent) || !touchesTwoDays(path, lines)) continue;
    await writeFile(path, lines.slice(0, -HELD_BACK).join('\n'), 'latin1');
    return {
      name: basename(path),
      events: HELD_BACK,
      deliver: () => writeFile(path, lines.join('\n'), 'latin1'),
    };
  }
  throw new SparkifyError('USAGE', {
    detail: 'No simulated log has events of its own day and of the day before alone.',
    fix: 'Give another --seed.',
  });
}

function isEvent(line: string): boolean {
  if (!line.startsWith('{"') || !line.endsWith('}')) return false;
  try {
    return typeof (JSON.parse(line) as { ts?: unknown }).ts === 'number';
  } catch {
    return false;
  }
}

function touchesTwoDays(path: string, lines: readonly string[]): boolean {
  const startMs = Date.parse(basename(path).slice(0, 10));
  const days = lines.flatMap((line) => {
    const ts = /"ts":(\d+)/.exec(line)?.[1];
    return ts === undefined ? [] : [Math.floor((Number(ts) - startMs) / DAY_MS)];
  });
  return days.includes(-1) && days.every((day) => day === 0 || day === -1);
}
