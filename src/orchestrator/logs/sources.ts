import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeTask, parseFileName, runFolder } from './file-name.ts';
import { type AttemptKey, parseLogLine } from './log-line.ts';

/** Which attempts of a run are meant; without a field, all. */
export interface AttemptChoice {
  readonly run: number;
  readonly task?: string;
  readonly mapIndex?: number;
  /** 'last': of each task instance the latest that wrote something. */
  readonly attempt?: number | 'last';
}

/** An attempt with the pieces of its log, in their order. */
export interface LogSource extends AttemptKey {
  readonly parts: readonly { readonly part: number; readonly file: string }[];
}

interface Found extends AttemptKey {
  readonly escaped: string;
  readonly parts: { readonly part: number; readonly file: string }[];
}

/**
 * The attempts of a run that wrote something: tasks in the order in which they began to, of a task by element and
 * attempt. `known` spares looking for the names and the order of tasks again.
 */
export async function logSources(
  directory: string,
  choice: AttemptChoice,
  known: Map<string, TaskStart> = new Map(),
): Promise<readonly LogSource[]> {
  const folder = runFolder(directory, choice.run);
  const wanted = choice.task === undefined ? undefined : escapeTask(choice.task);
  const found = new Map<string, Found>();
  for (const name of await namesIn(folder)) {
    const file = parseFileName(name);
    if (file === undefined) continue;
    if (wanted !== undefined && file.escaped !== wanted) continue;
    if (choice.mapIndex !== undefined && file.mapIndex !== choice.mapIndex) continue;
    if (typeof choice.attempt === 'number' && file.attempt !== choice.attempt) continue;
    const id = `${file.escaped}.${file.mapIndex}.${file.attempt}`;
    const source = found.get(id) ?? { ...file, run: choice.run, task: '', parts: [] };
    source.parts.push({ part: file.part, file: join(folder, name) });
    found.set(id, source);
  }
  let sources = [...found.values()].sort(
    (a, b) => compare(a.escaped, b.escaped) || a.mapIndex - b.mapIndex || a.attempt - b.attempt,
  );
  if (choice.attempt === 'last')
    sources = sources.filter((s, i) => {
      const next = sources[i + 1];
      return next === undefined || next.escaped !== s.escaped || next.mapIndex !== s.mapIndex;
    });
  for (const source of sources) {
    source.parts.sort((a, b) => a.part - b.part);
    if (!known.has(source.escaped)) {
      const start = await startOf(source.parts[0]!.file);
      if (start !== undefined) known.set(source.escaped, start);
    }
  }
  const startOfTask = (s: Found): TaskStart => known.get(s.escaped) ?? { task: s.escaped, timeMs: 0 };
  return sources
    .map(({ escaped: _, ...s }, i) => ({ ...s, task: startOfTask(sources[i]!).task, position: i }))
    .sort((a, b) => {
      const [x, y] = [startOfTask(sources[a.position]!), startOfTask(sources[b.position]!)];
      return x.timeMs - y.timeMs || a.position - b.position;
    });
}

/** A task's name and when its first line was written. */
export interface TaskStart {
  readonly task: string;
  readonly timeMs: number;
}

async function startOf(file: string): Promise<TaskStart | undefined> {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    for (let bytes = 8192; ; bytes *= 8) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
      const text = buffer.toString('utf8', 0, bytesRead);
      const end = text.indexOf('\n');
      if (end < 0 && bytesRead === bytes) continue;
      const line = end < 0 ? undefined : parseLogLine(text.slice(0, end));
      return line === undefined ? undefined : { task: line.task, timeMs: line.timeMs };
    }
  } finally {
    await handle.close();
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
