import { pino } from 'pino';
import type { Clock } from '../../core/clock.ts';
import type { ProgressEvent } from '../../core/progress.ts';
import { AttemptFile } from './attempt-file.ts';
import type { AttemptKey, LogLevel } from './log-line.ts';
import { plainLine } from './plain.ts';
import { createRedactor, type Redact } from './redact.ts';

export type LogData = Readonly<Record<string, unknown>>;

/** The log of one attempt. Its calls return at once and never throw; without a line there is no file. */
export interface AttemptLog {
  debug(msg: string, data?: LogData): void;
  info(msg: string, data?: LogData): void;
  warn(msg: string, data?: LogData): void;
  error(msg: string, data?: LogData): void;
  /** What an operator tells, as lines; how far it is, at most once a second. */
  progress(event: ProgressEvent): void;
  /** Everything said so far is in the file. */
  flush(): Promise<void>;
  /** The same, and later lines are not taken. */
  close(): Promise<void>;
}

/** The logs that one process writes. */
export interface AttemptLogs {
  open(key: AttemptKey): AttemptLog;
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface AttemptLogsOptions {
  /** Absolute; the project's `.sparkify/logs`. */
  readonly directory: string;
  readonly clock: Clock;
  /** Values that must be in no log, such as the project's passwords. */
  readonly secrets?: readonly string[];
  /** @default 'debug' */
  readonly level?: LogLevel;
  /** What is kept of one attempt: half of it from the beginning. @default 10 MB */
  readonly maxBytes?: number;
  /** What a kill may lose at most. @default 100 */
  readonly flushMs?: number;
  /** A file could not be written (a full disk, …): the task goes on without. Told once until a write succeeds. */
  readonly onProblem?: (error: unknown) => void;
  /** Calls something later. @default setTimeout */
  readonly later?: (work: () => void, ms: number) => void;
}

const DEFAULTS = { level: 'debug', maxBytes: 10_000_000, flushMs: 100 } as const satisfies Partial<AttemptLogsOptions>;

/** Files that are open at the same time, however many attempts there are. */
const OPEN_FILES = 16;
const PROGRESS_MS = 1000;

/** Opens the logs of a process; each attempt's lines go to a file of its own (`file-name.ts`). */
export function openAttemptLogs(options: AttemptLogsOptions): AttemptLogs {
  return new LogsOfProcess(options);
}

class LogsOfProcess implements AttemptLogs {
  readonly #options: AttemptLogsOptions & typeof DEFAULTS;
  readonly #redact: Redact;
  readonly #changed = new Set<AttemptFile>();
  readonly #running = new Set<Promise<void>>();
  readonly #pino: pino.Logger;
  /** Takes the line that pino is writing. */
  #target: AttemptFile | undefined;
  #timer = false;
  #open = 0;
  readonly #waiting: (() => void)[] = [];
  #problem = false;

  constructor(options: AttemptLogsOptions) {
    this.#options = { ...DEFAULTS, ...options } as AttemptLogsOptions & typeof DEFAULTS;
    this.#redact = createRedactor(options.secrets);
    this.#pino = pino(
      {
        level: this.#options.level,
        base: null,
        timestamp: () => `,"time":${options.clock.nowMs()}`,
        formatters: { level: (level) => ({ level }) },
      },
      { write: (text: string) => this.#target?.add(text) },
    );
  }

  open(key: AttemptKey): AttemptLog {
    const file = new AttemptFile(this.#options.directory, key, this.#options.maxBytes);
    let logger: pino.Logger | undefined;
    return new LogOfAttempt({
      nowMs: () => this.#options.clock.nowMs(),
      write: (level, msg, data) => {
        logger ??= this.#pino.child({ run: key.run, task: key.task, mapIndex: key.mapIndex, attempt: key.attempt });
        const line = plainLine(msg, data, this.#redact);
        this.#target = file;
        logger[level](line.data === undefined ? {} : { data: line.data }, line.msg);
        this.#target = undefined;
        this.#note(file);
      },
      flush: () => this.#begin(file),
      cut: () => file.cut,
    });
  }

  async flush(): Promise<void> {
    for (const file of this.#changed) this.#begin(file);
    await Promise.all(this.#running);
  }

  close(): Promise<void> {
    return this.flush();
  }

  #note(file: AttemptFile): void {
    if (file.isEmpty) return;
    this.#changed.add(file);
    if (this.#timer) return;
    this.#timer = true;
    const later = this.#options.later ?? ((work, ms) => void setTimeout(work, ms));
    later(() => {
      this.#timer = false;
      void this.flush();
    }, this.#options.flushMs);
  }

  #begin(file: AttemptFile): Promise<void> {
    this.#changed.delete(file);
    if (file.isEmpty) return Promise.resolve();
    const running = this.#write(file).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  async #write(file: AttemptFile): Promise<void> {
    if (this.#open >= OPEN_FILES) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#open++;
    try {
      await file.flush();
      this.#problem = false;
    } catch (error) {
      if (!this.#problem) this.#options.onProblem?.(error);
      this.#problem = true;
    } finally {
      // The place goes to the next that waits, or is free.
      const next = this.#waiting.shift();
      if (next === undefined) this.#open--;
      else next();
    }
  }
}

interface LogTarget {
  readonly nowMs: () => number;
  readonly write: (level: LogLevel, msg: string, data: LogData | undefined) => void;
  readonly flush: () => Promise<void>;
  readonly cut: () => AttemptFile['cut'];
}

class LogOfAttempt implements AttemptLog {
  readonly #target: LogTarget;
  #closed = false;
  #lastWord: string | undefined;
  #progressAtMs = Number.NEGATIVE_INFINITY;
  /** How far it is, not yet said. */
  #unsaid: Extract<ProgressEvent, { type: 'task.progress' }> | undefined;

  constructor(target: LogTarget) {
    this.#target = target;
  }

  debug(msg: string, data?: LogData): void {
    this.#write('debug', msg, data);
  }

  info(msg: string, data?: LogData): void {
    this.#write('info', msg, data);
  }

  warn(msg: string, data?: LogData): void {
    this.#write('warn', msg, data);
  }

  error(msg: string, data?: LogData): void {
    this.#write('error', msg, data);
  }

  progress(event: ProgressEvent): void {
    switch (event.type) {
      case 'task.started':
        // The attempt itself says so.
        return;
      case 'task.progress':
        this.#progress(event);
        return;
      case 'task.succeeded': {
        this.#sayProgress();
        // Thousands of elements that have nothing to tell make no file each, and a function's last word is its detail.
        if (event.detail === '' || event.detail === 'done' || event.detail === this.#lastWord) return;
        const resumed = event.resumed === true ? { resumed: true } : {};
        this.info(event.detail, { durationMs: Math.round(event.durationMs), ...resumed });
        return;
      }
      case 'task.failed':
        this.#sayProgress();
        this.error(event.detail, { durationMs: Math.round(event.durationMs) });
        return;
      case 'task.skipped':
        this.#sayProgress();
        this.info(event.detail);
        return;
      case 'note':
        this.info(event.detail);
        return;
      case 'warning':
        this.warn(event.detail);
        return;
    }
  }

  flush(): Promise<void> {
    return this.#target.flush();
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#sayProgress();
      const cut = this.#target.cut();
      if (cut !== undefined)
        this.warn(
          `Lines ${cut.fromLine} to ${cut.toLine} were cut: the log outgrew what is kept of one attempt, its beginning and its end.`,
          { cut },
        );
      this.#closed = true;
    }
    await this.#target.flush();
  }

  #progress(event: Extract<ProgressEvent, { type: 'task.progress' }>): void {
    // Words of a function are lines of their own; numbers that count up are not.
    if (event.done === undefined) {
      this.info(event.detail);
      return;
    }
    this.#unsaid = event;
    if (this.#target.nowMs() - this.#progressAtMs >= PROGRESS_MS) this.#sayProgress();
  }

  #sayProgress(): void {
    const event = this.#unsaid;
    if (event === undefined) return;
    this.#unsaid = undefined;
    this.#progressAtMs = this.#target.nowMs();
    const { done, total, unit, detail } = event;
    this.info(detail === '' ? 'progress' : detail, { done, total, unit });
  }

  #write(level: LogLevel, msg: string, data: LogData | undefined): void {
    this.#lastWord = msg;
    if (!this.#closed) this.#target.write(level, msg, data);
  }
}
