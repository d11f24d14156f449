import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { appendFile, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { escapeTask, logFile, parseFileName, runFolder } from './file-name.ts';
import type { AttemptKey } from './log-line.ts';

/** Lines that were cut out of the middle of a log. */
export interface CutLines {
  readonly fromLine: number;
  readonly toLine: number;
  readonly bytes: number;
}

interface Part {
  readonly index: number;
  readonly firstLine: number;
  lastLine: number;
  bytes: number;
  pending: string[];
  onDisk: boolean;
}

/** Enough of a file's end to hold its last line. */
const TAIL_BYTES = 512 * 1024;

/**
 * The lines of one attempt on their way to its file. Half of `maxBytes` is kept of the beginning; what comes then goes to
 * parts of a quarter each, of which the last two are kept. What waits in memory is bounded by the same rule, so a task
 * that logs faster than the disk takes it loses lines from the middle, never its beginning or its end.
 */
export class AttemptFile {
  readonly #directory: string;
  readonly #key: AttemptKey;
  readonly #maxBytes: number;
  /** The first, then the last one or two. */
  #parts: Part[] = [];
  #dropped: Part[] = [];
  #lines = 0;
  #cut: CutLines | undefined;
  /** The file does not end with a line's end. */
  #torn = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(directory: string, key: AttemptKey, maxBytes: number) {
    this.#directory = directory;
    this.#key = key;
    this.#maxBytes = maxBytes;
  }

  get cut(): CutLines | undefined {
    return this.#cut;
  }

  get isEmpty(): boolean {
    return this.#lines === 0;
  }

  /** Takes a JSON object as text with its line's end, and numbers it. */
  add(json: string): void {
    if (this.#lines === 0) this.#takeUp();
    const text = `{"line":${++this.#lines},${json.slice(1)}`;
    const bytes = Buffer.byteLength(text);
    let part = this.#parts.at(-1) ?? this.#begin(0);
    const room = part.index === 0 ? this.#maxBytes / 2 : this.#maxBytes / 4;
    if (part.bytes > 0 && part.bytes + bytes > room) part = this.#begin(part.index + 1);
    part.pending.push(text);
    part.bytes += bytes;
    part.lastLine = this.#lines;
  }

  /** Writes what waits, after what is being written. @throws errors of the file system */
  flush(): Promise<void> {
    const next = this.#writing.then(() => this.#write());
    // A failure is told to whoever asked for this write, and the next one begins anew.
    this.#writing = next.catch(() => undefined);
    return next;
  }

  #begin(index: number): Part {
    const part: Part = { index, firstLine: this.#lines, lastLine: this.#lines, bytes: 0, pending: [], onDisk: false };
    this.#parts.push(part);
    if (this.#parts.length > 3) {
      const [old] = this.#parts.splice(1, 1) as [Part];
      this.#cut = {
        fromLine: this.#cut?.fromLine ?? old.firstLine,
        toLine: old.lastLine,
        bytes: (this.#cut?.bytes ?? 0) + old.bytes,
      };
      old.pending = [];
      this.#dropped.push(old);
    }
    return part;
  }

  async #write(): Promise<void> {
    for (const part of this.#parts) {
      if (part.pending.length === 0) continue;
      const text = (this.#torn ? '\n' : '') + part.pending.join('');
      part.pending = [];
      this.#torn = true;
      part.onDisk = true;
      await append(logFile(this.#directory, this.#key, part.index), text);
      this.#torn = false;
    }
    // After the others: whoever reads meanwhile finds more rather than less.
    const dropped = this.#dropped;
    this.#dropped = [];
    for (const part of dropped)
      if (part.onDisk) await rm(logFile(this.#directory, this.#key, part.index), { force: true });
  }

  /** An attempt that was given back and claimed again writes on where it stopped. */
  #takeUp(): void {
    if (!existsSync(logFile(this.#directory, this.#key))) return;
    const escaped = escapeTask(this.#key.task);
    const indexes = readdirSync(runFolder(this.#directory, this.#key.run))
      .map(parseFileName)
      .filter(
        (f) =>
          f?.escaped === escaped && f.mapIndex === this.#key.mapIndex && f.attempt === this.#key.attempt && f.part > 0,
      )
      .map((f) => f!.part)
      .sort((a, b) => a - b);
    for (const index of [0, ...indexes]) {
      const end = endOf(logFile(this.#directory, this.#key, index));
      const firstLine = this.#lines + 1;
      this.#lines = Math.max(this.#lines, end.lastLine);
      this.#torn = end.torn;
      this.#parts.push({ index, firstLine, lastLine: this.#lines, bytes: end.bytes, pending: [], onDisk: true });
    }
  }
}

async function append(file: string, text: string): Promise<void> {
  try {
    await appendFile(file, text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(dirname(file), { recursive: true });
    await appendFile(file, text);
  }
}

function endOf(file: string): { readonly lastLine: number; readonly bytes: number; readonly torn: boolean } {
  const handle = openSync(file, 'r');
  try {
    const bytes = fstatSync(handle).size;
    const buffer = Buffer.alloc(Math.min(bytes, TAIL_BYTES));
    readSync(handle, buffer, 0, buffer.length, bytes - buffer.length);
    const text = buffer.toString('utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const numbers = [...whole.matchAll(/^\{"line":(\d+),/gm)].map((m) => Number(m[1]));
    return { lastLine: Math.max(0, ...numbers.slice(-2)), bytes, torn: bytes > 0 && !text.endsWith('\n') };
  } finally {
    closeSync(handle);
  }
}
