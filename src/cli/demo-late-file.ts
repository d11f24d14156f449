import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** A log file of which a part comes late. */
export interface LateFile {
  readonly path: string;
  readonly name: string;
  /** Events that are held back. */
  readonly events: number;
  /** Puts the whole file in place. */
  deliver(): Promise<void>;
}

const MOVED = 20;
const HELD_BACK = 25;

/**
 * Lets one day's log be as logs are: it ends with the first events of the day after, which came over midnight, and some of
 * its own events are missing, for they will come late. In the end every event is in exactly one file, as it was.
 */
export async function holdBackEvents(logData: string): Promise<LateFile> {
  const files = (await readdir(logData, { recursive: true }))
    .filter((name) => /-events\.json$/.test(name))
    .sort()
    .map((name) => join(logData, name));
  for (const [i, path] of files.entries()) {
    const next = files[i + 1];
    // The middle of the month, where it stands among others.
    if (i < 9 || next === undefined) continue;
    const day = await plainLines(path);
    const dayAfter = await plainLines(next);
    if (day === undefined || dayAfter === undefined) continue;
    const whole = [...day, ...dayAfter.slice(0, MOVED)];
    const late = day.slice(-HELD_BACK);
    await writeFile(next, `${dayAfter.slice(MOVED).join('\n')}\n`, 'latin1');
    await writeFile(path, `${whole.filter((line) => !late.includes(line)).join('\n')}\n`, 'latin1');
    return {
      path,
      name: basename(path),
      events: late.length,
      deliver: () => writeFile(path, `${whole.join('\n')}\n`, 'latin1'),
    };
  }
  throw new Error('every simulated log has a defect at its beginning or its end');
}

/** The lines of a file whose first and last ones are plain events, each different; undefined for any other. */
async function plainLines(path: string): Promise<readonly string[] | undefined> {
  const text = await readFile(path, 'latin1');
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines.length < 4 * (MOVED + HELD_BACK)) return undefined;
  const ends = [...lines.slice(0, MOVED), ...lines.slice(-HELD_BACK)];
  return ends.every(isEvent) && new Set(lines).size === lines.length ? lines : undefined;
}

function isEvent(line: string): boolean {
  if (!line.startsWith('{"') || !line.endsWith('}')) return false;
  try {
    return typeof (JSON.parse(line) as { ts?: unknown }).ts === 'number';
  } catch {
    return false;
  }
}
