import type { LogItem, LogLevel, LogLine } from '../../orchestrator/logs/log-line.ts';
import type { CliContext } from '../context.ts';
import { line } from '../context.ts';
import { type ControlFlags, withControl } from '../control.ts';
import { jsonText, writeJsonArray } from '../output.ts';
import { namedTask, taskText } from '../task-name.ts';
import { visible } from '../text-width.ts';

export interface LogsFlags extends ControlFlags {
  readonly attempt?: number | 'last';
  readonly level?: LogLevel;
  readonly grep?: string;
  readonly from?: number;
  readonly limit?: number;
  readonly follow?: boolean;
  readonly firstError?: boolean;
  readonly json?: boolean;
}

const PAGE = 5000;

/** `sparkify logs`: what the attempts of a run said; with `--follow` as they say it, until the run has ended. */
export async function logs(context: CliContext, flags: LogsFlags, run: number, name?: string): Promise<number> {
  return withControl(context, flags, async ({ api }) => {
    const { task, mapIndex } = name === undefined ? { task: undefined, mapIndex: undefined } : namedTask(name);
    const query = { task, mapIndex, attempt: flags.attempt, level: flags.level, grep: flags.grep, from: flags.from };
    if (flags.firstError === true) {
      const { line: found } = await api.call('getFirstError', {
        params: { run },
        query: { task, mapIndex, attempt: flags.attempt },
      });
      if (flags.json === true) await line(context.out, jsonText(found, 2));
      else if (found === null) await line(context.err, context.errColors.dim('no line is an error'));
      else {
        const { task: of, mapIndex: element, attempt } = found;
        await line(context.out, logText(context, { kind: 'attempt', run, task: of, mapIndex: element, attempt }));
        await line(context.out, logText(context, found as LogLine));
      }
      return 0;
    }
    if (flags.follow === true) {
      const items = api.stream('followLogs', { params: { run }, query }, { signal: context.signal });
      for await (const item of items)
        await line(context.out, flags.json === true ? jsonText(item) : logText(context, item as LogItem));
      return 0;
    }
    const items = pages(flags.limit ?? Number.POSITIVE_INFINITY, (cursor, limit) =>
      api.call('readLogs', { params: { run }, query: { ...query, cursor, limit } }),
    );
    if (flags.json === true) {
      await writeJsonArray(context.out, items);
      return 0;
    }
    let count = 0;
    for await (const item of items) {
      count++;
      await line(context.out, logText(context, item as LogItem));
    }
    if (count === 0) await line(context.err, context.errColors.dim('no lines'));
    return 0;
  });
}

async function* pages<T extends { readonly kind: string }>(
  limit: number,
  read: (
    cursor: string | undefined,
    limit: number,
  ) => Promise<{ readonly items: readonly T[]; readonly nextCursor: string | null }>,
): AsyncGenerator<T, void, undefined> {
  let cursor: string | undefined;
  for (let left = limit; left > 0; ) {
    const page = await read(cursor, Math.min(left, PAGE));
    yield* page.items;
    left -= page.items.filter((item) => item.kind === 'line').length;
    if (page.nextCursor === null) return;
    cursor = page.nextCursor;
  }
}

/** A line for people, its number first: `12 07:00:05.123 warn  drift  {"objects":3}`. */
function logText(context: CliContext, item: LogItem): string {
  const c = context.outColors;
  switch (item.kind) {
    case 'attempt':
      return c.bold(`── ${taskText(item.task, item.mapIndex)}, attempt ${item.attempt} ──`);
    case 'cut':
      return c.yellow(`   … lines ${item.fromLine} to ${item.toLine} were cut …`);
    case 'line': {
      const time = new Date(item.timeMs).toISOString().slice(11, 23);
      const level = levelColor(context, item.level)(item.level.padEnd(5));
      return `${c.dim(String(item.line).padStart(4))} ${c.dim(time)} ${level} ${visibleLines(item.msg)}${dataText(context, item)}`;
    }
  }
}

function levelColor(context: CliContext, level: LogLevel): (text: string) => string {
  const c = context.outColors;
  return { debug: c.dim, info: c.cyan, warn: c.yellow, error: c.red }[level];
}

function dataText(context: CliContext, item: LogLine): string {
  const { data } = item;
  if (data === undefined) return '';
  const c = context.outColors;
  const { error, ...rest } = data;
  const parts: string[] = [];
  if (Object.keys(rest).length > 0) parts.push(`  ${c.dim(visible(JSON.stringify(rest)))}`);
  for (const text of errorTexts(error, item.msg)) parts.push(`\n${c.dim(indented(text))}`);
  return parts.join('');
}

/** What an error says beyond the line's own message: its stack, what it came from, what to do. */
function errorTexts(error: unknown, said: string): readonly string[] {
  if (error === undefined) return [];
  if (typeof error !== 'object' || error === null) return [JSON.stringify({ error })];
  const { stack, message, cause, remedy } = error as Readonly<Record<string, unknown>>;
  const own = typeof stack === 'string' ? stack : typeof message === 'string' ? message : JSON.stringify(error);
  return [
    ...(own === said ? [] : [own]),
    ...errorTexts(cause, own).map((text, i) => (i === 0 ? `cause: ${text}` : text)),
    ...(typeof remedy === 'string' && remedy !== '' ? [`fix: ${remedy}`] : []),
  ];
}

function visibleLines(text: string): string {
  const [first = '', ...others] = text.split(/\r?\n/);
  return [visible(first), ...others.map((other) => indented(other))].join('\n');
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((part) => `       ${visible(part.trimEnd())}`)
    .join('\n');
}
