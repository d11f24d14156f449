/** Which attempt a log is of. `mapIndex` is −1 for a task that is not mapped. */
export interface AttemptKey {
  readonly run: number;
  readonly task: string;
  readonly mapIndex: number;
  readonly attempt: number;
}

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** One line of an attempt. `line` counts from 1 within its attempt and never changes, so it can be linked to. */
export interface LogLine extends AttemptKey {
  readonly kind: 'line';
  readonly line: number;
  readonly timeMs: number;
  readonly level: LogLevel;
  readonly msg: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** What reading gives: lines, and what stands between them. */
export type LogItem =
  | LogLine
  /** From here on the lines are those of this attempt. */
  | (AttemptKey & { readonly kind: 'attempt' })
  /** These lines were cut out, because the attempt wrote more than is kept. */
  | (AttemptKey & { readonly kind: 'cut'; readonly fromLine: number; readonly toLine: number });

/** A line as it stands in its file; undefined when it is none, such as the torn last line of a process that was killed. */
export function parseLogLine(text: string): LogLine | undefined {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof found !== 'object' || found === null) return undefined;
  const { line, time, level, run, task, mapIndex, attempt, msg, data } = found as Record<string, unknown>;
  if (
    typeof line !== 'number' ||
    typeof time !== 'number' ||
    !logLevels.includes(level as LogLevel) ||
    typeof run !== 'number' ||
    typeof task !== 'string' ||
    typeof mapIndex !== 'number' ||
    typeof attempt !== 'number' ||
    typeof msg !== 'string'
  )
    return undefined;
  return {
    kind: 'line',
    run,
    task,
    mapIndex,
    attempt,
    line,
    timeMs: time,
    level: level as LogLevel,
    msg,
    ...(typeof data === 'object' && data !== null ? { data: data as Record<string, unknown> } : {}),
  };
}
