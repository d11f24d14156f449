import { open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { type AttemptKey, type LogItem, type LogLevel, type LogLine, logLevels, parseLogLine } from './log-line.ts';
import { openSearch, searchedText, type TextSearch } from './search.ts';
import { type AttemptChoice, type LogSource, logSources, type TaskStart } from './sources.ts';

export interface LogQuery extends AttemptChoice {
  /** This level and those above it. */
  readonly level?: LogLevel;
  /** A regular expression (`openSearch`) over a line's message and data. */
  readonly grep?: string;
  /** From this line on; counts within each attempt. */
  readonly fromLine?: number;
  /** At most so many lines. */
  readonly limit?: number;
}

export interface FollowOptions {
  /** Whether nothing more will be written; looked at before each last reading. */
  readonly ended: () => Promise<boolean>;
  /** Ends it without an error. */
  readonly signal: AbortSignal;
  /** Between two looks. @default 200 ms */
  readonly wait?: (signal: AbortSignal) => Promise<void>;
}

export interface ReadOptions {
  /** Goes on as lines are written. */
  readonly follow?: FollowOptions;
}

const CHUNK_BYTES = 256 * 1024;
const LOOK_MS = 200;

/**
 * The lines of a run's logs, attempt by attempt, each attempt announced by an item of its own; while following, as they
 * come. Lines that were cut out are named. A run without logs gives nothing.
 * @throws USAGE for a pattern that cannot be searched for
 */
export async function* readLogs(
  directory: string,
  query: LogQuery,
  options: ReadOptions = {},
): AsyncGenerator<LogItem, void, undefined> {
  const { follow } = options;
  const reading = new Reading(query);
  const known = new Map<string, TaskStart>();
  for (;;) {
    const last = follow === undefined || follow.signal.aborted || (await follow.ended());
    for (const source of await logSources(directory, query, known)) {
      for await (const items of reading.read(source)) {
        yield* items;
        if (reading.isFull) return;
      }
    }
    if (last || follow.signal.aborted) return;
    await (follow.wait ?? ((signal) => pause(LOOK_MS, undefined, { signal }).catch(() => undefined)))(follow.signal);
  }
}

/** The first line of level error among these attempts, by time; by default among the last attempt of each task. */
export async function firstError(directory: string, choice: AttemptChoice): Promise<LogLine | undefined> {
  let first: LogLine | undefined;
  for (const source of await logSources(directory, { attempt: 'last', ...choice })) {
    for await (const items of new Reading({ ...choice, level: 'error', limit: 1 }).read(source)) {
      const line = items.find((item) => item.kind === 'line');
      if (line !== undefined && (first === undefined || line.timeMs < first.timeMs)) first = line;
    }
  }
  return first;
}

/** How far one reader has come. */
class Reading {
  readonly #query: LogQuery;
  readonly #search: TextSearch | undefined;
  readonly #level: number;
  /** By file: bytes that were read. */
  readonly #offsets = new Map<string, number>();
  /** By attempt: the last line's number. */
  readonly #lines = new Map<string, number>();
  #announced: string | undefined;
  #given = 0;

  constructor(query: LogQuery) {
    this.#query = query;
    this.#search = query.grep === undefined ? undefined : openSearch(query.grep);
    this.#level = query.level === undefined ? 0 : logLevels.indexOf(query.level);
  }

  /** Whether lines are missing in any case, so that those that were cut out need no word. */
  get #leavesOut(): boolean {
    return this.#search !== undefined || this.#level > 0;
  }

  get isFull(): boolean {
    return this.#query.limit !== undefined && this.#given >= this.#query.limit;
  }

  async *read(source: LogSource): AsyncIterable<readonly LogItem[]> {
    for (const { file } of source.parts) {
      for await (const { texts, end } of readTexts(file, this.#offsets.get(file) ?? 0)) {
        this.#offsets.set(file, end);
        const items = this.#choose(source, texts);
        if (items.length > 0) yield items;
        if (this.isFull) return;
      }
    }
  }

  #choose(source: LogSource, texts: readonly string[]): readonly LogItem[] {
    const { run, task, mapIndex, attempt } = source;
    const of = { run, task, mapIndex, attempt };
    const id = `${task}.${mapIndex}.${attempt}`;
    const from = this.#query.fromLine ?? 1;
    const items: LogItem[] = [];
    const lines: LogLine[] = [];
    let before = this.#lines.get(id) ?? 0;
    for (const text of texts) {
      const line = parseLogLine(text);
      if (line === undefined || line.line <= before) continue;
      if (line.line > before + 1 && line.line > from && !this.#leavesOut)
        items.push({ ...of, kind: 'cut', fromLine: Math.max(before + 1, from), toLine: line.line - 1 });
      before = line.line;
      if (line.line < from || logLevels.indexOf(line.level) < this.#level) continue;
      items.push(line);
      lines.push(line);
    }
    this.#lines.set(id, before);
    const found = this.#search?.match(lines.map(searchedText));
    const wanted = found === undefined ? items : lines.filter((_, i) => found[i]);
    return this.#announce(of, id, wanted);
  }

  #announce(of: AttemptKey, id: string, items: readonly LogItem[]): readonly LogItem[] {
    const result: LogItem[] = [];
    for (const item of items) {
      if (this.isFull) break;
      if (this.#announced !== id) result.push({ ...of, kind: 'attempt' });
      this.#announced = id;
      result.push(item);
      if (item.kind === 'line') this.#given++;
    }
    return result;
  }
}

/** Whole lines of a file from an offset on, in pieces; what has no line's end yet is left for the next reading. */
async function* readTexts(
  file: string,
  offset: number,
): AsyncIterable<{ readonly texts: readonly string[]; readonly end: number }> {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    // A part that was cut out, or a run that was removed, while this was read.
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return;
  try {
    let rest = Buffer.alloc(0);
    let at = offset;
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      const end = bytes.lastIndexOf(10) + 1;
      rest = bytes.subarray(end);
      if (end > 0) yield { texts: bytes.toString('utf8', 0, end - 1).split('\n'), end: at - rest.length };
    }
  } finally {
    await handle.close();
  }
}
