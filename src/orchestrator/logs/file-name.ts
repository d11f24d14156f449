import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { AttemptKey } from './log-line.ts';

/** Longest part of a file's name that a task's name may take; longer ones end in a hash. */
const LONGEST = 150;

/** Below this folder lie the logs of a run. */
export function runFolder(directory: string, run: number): string {
  return join(directory, String(run));
}

/**
 * The file of an attempt: `<task>[.<mapIndex>].<attempt>.jsonl`; `part` 1 and above are the later pieces of a log that
 * outgrew its limit, `<…>.<attempt>~<part>.jsonl`.
 */
export function logFile(directory: string, key: AttemptKey, part = 0): string {
  const element = key.mapIndex < 0 ? '' : `.${key.mapIndex}`;
  const piece = part === 0 ? '' : `~${part}`;
  return join(runFolder(directory, key.run), `${escapeTask(key.task)}${element}.${key.attempt}${piece}.jsonl`);
}

/**
 * A task's name as the beginning of a file's: letters, digits, _ and - stand for themselves, other bytes are %XX, so that
 * no name leaves the folder and none is taken for another.
 */
export function escapeTask(task: string): string {
  const escaped = [...Buffer.from(task)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9_-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
  if (escaped.length <= LONGEST && escaped !== '') return escaped;
  return `${escaped.slice(0, LONGEST - 40)}~${createHash('sha256').update(task).digest('hex').slice(0, 32)}`;
}

export interface LogFileName {
  /** As `escapeTask` gives it. */
  readonly escaped: string;
  readonly mapIndex: number;
  readonly attempt: number;
  readonly part: number;
}

/** What a file of a run's folder is; undefined for any other file. */
export function parseFileName(name: string): LogFileName | undefined {
  const match = /^([\w%~-]+?)(?:\.(\d{1,9}))?\.(\d{1,9})(?:~(\d{1,9}))?\.jsonl$/.exec(name);
  if (match === null) return undefined;
  const [, escaped, element, attempt, part] = match;
  return {
    escaped: escaped!,
    mapIndex: element === undefined ? -1 : Number(element),
    attempt: Number(attempt),
    part: part === undefined ? 0 : Number(part),
  };
}
