import { z } from 'zod';
import type { Timers } from '../../core/timers.ts';
import type { AttemptKey, LogItem } from '../../orchestrator/logs/log-line.ts';
import { firstError, type LogQuery, readLogs } from '../../orchestrator/logs/read-logs.ts';
import { runEnded } from '../../orchestrator/model/states.ts';
import type { Answer, Call, StreamMessage } from '../api.ts';
import { cursorOf, readCursor } from './cursor.ts';
import { findRun } from './runs.ts';

/** Between two looks for new lines. */
const LOOK_MS = 200;
/** Lines of one piece of a download. */
const PIECE = 500;

const place = z.tuple([z.string(), z.int(), z.int(), z.int()]);

/**
 * One page of a run's lines. While the run goes on, attempts before the cursor may get more lines, which later pages do
 * not have: following is for that.
 */
export async function readLogPage(directory: string, call: Call<'readLogs'>): Promise<Answer<'readLogs'>> {
  const { limit, cursor } = call.query;
  await findRun(call.store.db, call.params.run);
  const after = readCursor(place, cursor);
  const items: LogItem[] = [];
  let lines = 0;
  let reached = after === undefined;
  let more = false;
  for await (const item of readLogs(directory, logQuery(call.params.run, call.query))) {
    if (!reached) {
      reached = isAt(item, after!);
      continue;
    }
    if (lines === limit) {
      more = true;
      break;
    }
    items.push(item);
    if (item.kind === 'line') lines++;
  }
  const last = items.findLast((i) => i.kind === 'line');
  return {
    items,
    nextCursor: more && last?.kind === 'line' ? cursorOf([last.task, last.mapIndex, last.attempt, last.line]) : null,
  };
}

/** Where to look first when a run failed. */
export async function getFirstError(directory: string, call: Call<'getFirstError'>): Promise<Answer<'getFirstError'>> {
  const { run } = call.params;
  await findRun(call.store.db, run);
  return { line: (await firstError(directory, logQuery(run, call.query))) ?? null };
}

/** All lines as text; an attempt begins with a line of its own. */
export async function* downloadLogText(directory: string, call: Call<'downloadLogs'>): AsyncGenerator<string> {
  const { run } = call.params;
  await findRun(call.store.db, run);
  let piece: string[] = [];
  for await (const item of readLogs(directory, logQuery(run, call.query))) {
    piece.push(`${lineText(item)}\n`);
    if (piece.length < PIECE) continue;
    yield piece.join('');
    piece = [];
  }
  yield piece.join('');
}

/**
 * The lines as they are written, until the run has ended. A line is known by its attempt and number: whoever comes back
 * after a break reads from the beginning and leaves out what it has.
 */
export async function* followLogLines(
  directory: string,
  timers: Timers,
  call: Call<'followLogs'>,
): AsyncGenerator<StreamMessage<'followLogs'>> {
  const { store, params, query, signal } = call;
  await findRun(store.db, params.run);
  const ended = async (): Promise<boolean> => {
    const row = await store.db.selectFrom('runs').select('state').where('id', '=', params.run).executeTakeFirst();
    return row === undefined || runEnded(row.state);
  };
  const wait = (waiting: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        stop();
        waiting.removeEventListener('abort', done);
        resolve();
      };
      const stop = timers.later(LOOK_MS, done);
      waiting.addEventListener('abort', done);
      if (waiting.aborted) done();
    });
  for await (const data of readLogs(directory, logQuery(params.run, query), { follow: { ended, signal, wait } }))
    yield { data };
  if (!signal.aborted) yield { event: 'end', data: { run: params.run } };
}

function logQuery(
  run: number,
  { task, mapIndex, attempt, level, grep, from }: Partial<Call<'followLogs'>['query']>,
): LogQuery {
  return {
    run,
    ...(task === undefined ? {} : { task }),
    ...(mapIndex === undefined ? {} : { mapIndex }),
    ...(attempt === undefined ? {} : { attempt }),
    ...(level === undefined ? {} : { level }),
    ...(grep === undefined ? {} : { grep }),
    ...(from === undefined ? {} : { fromLine: from }),
  };
}

function isAt(item: LogItem, [task, mapIndex, attempt, line]: z.output<typeof place>): boolean {
  return (
    item.kind === 'line' &&
    item.task === task &&
    item.mapIndex === mapIndex &&
    item.attempt === attempt &&
    item.line === line
  );
}

function lineText(item: LogItem): string {
  switch (item.kind) {
    case 'attempt':
      return `--- ${label(item)}, attempt ${item.attempt} ---`;
    case 'cut':
      return `--- lines ${item.fromLine} to ${item.toLine} were cut ---`;
    case 'line': {
      const data = item.data === undefined ? '' : ` ${JSON.stringify(item.data)}`;
      return `${new Date(item.timeMs).toISOString()} ${item.level.toUpperCase().padEnd(5)} ${item.msg}${data}`;
    }
  }
}

function label({ task, mapIndex }: AttemptKey): string {
  return mapIndex < 0 ? task : `${task}[${mapIndex}]`;
}
