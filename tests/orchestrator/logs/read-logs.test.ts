import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixedClock } from '../../../src/core/clock.ts';
import { type AttemptLogs, openAttemptLogs } from '../../../src/orchestrator/logs/attempt-logs.ts';
import type { LogItem, LogLevel } from '../../../src/orchestrator/logs/log-line.ts';
import { firstError, type LogQuery, readLogs } from '../../../src/orchestrator/logs/read-logs.ts';
import { openSearch } from '../../../src/orchestrator/logs/search.ts';

let directory: string;
let logs: AttemptLogs;
const clock = fixedClock(0);

async function write(run: number, place: string, lines: readonly string[]): Promise<void> {
  const [task, mapIndex, attempt] = place.split('/') as [string, string, string];
  const log = logs.open({ run, task, mapIndex: Number(mapIndex), attempt: Number(attempt) });
  for (const text of lines) {
    const [level, ...rest] = text.split(' ');
    clock.advance(10);
    log[level as LogLevel](rest.join(' '), rest[0] === 'coded' ? { code: 'E42' } : undefined);
  }
  await log.close();
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sparkify-read-logs-'));
  logs = openAttemptLogs({ directory, clock, later: () => {} });
  await write(1, 'zebra/-1/1', ['info first task', 'debug small', 'error coded once']);
  await write(1, 'a name with spaces/-1/1', ['info other', 'error broke']);
  await write(1, 'zebra/-1/2', ['info again', 'warn Careful', 'info fine']);
  await write(1, 'mapped/10/1', ['info ten']);
  await write(1, 'mapped/9/1', ['info nine', 'error later']);
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function shown(query: Partial<LogQuery> = {}): Promise<readonly string[]> {
  const result: string[] = [];
  for await (const item of readLogs(directory, { run: 1, ...query })) result.push(text(item));
  return result;
}

function text(item: LogItem): string {
  if (item.kind === 'attempt') return `# ${item.task}[${item.mapIndex}].${item.attempt}`;
  return item.kind === 'cut' ? `… ${item.fromLine}–${item.toLine}` : `${item.line} ${item.level} ${item.msg}`;
}

test('tasks come in the order in which they began, elements and attempts by number, each announced', async () => {
  expect(await shown()).toEqual([
    '# zebra[-1].1',
    '1 info first task',
    '2 debug small',
    '3 error coded once',
    '# zebra[-1].2',
    '1 info again',
    '2 warn Careful',
    '3 info fine',
    '# a name with spaces[-1].1',
    '1 info other',
    '2 error broke',
    '# mapped[9].1',
    '1 info nine',
    '2 error later',
    '# mapped[10].1',
    '1 info ten',
  ]);
});

test('one task, one attempt, the last attempt, a level, a line, a number of lines', async () => {
  expect(await shown({ task: 'a name with spaces' })).toHaveLength(3);
  expect(await shown({ task: 'zebra', attempt: 2, fromLine: 3 })).toEqual(['# zebra[-1].2', '3 info fine']);
  expect(await shown({ task: 'zebra', attempt: 'last', level: 'warn' })).toEqual(['# zebra[-1].2', '2 warn Careful']);
  expect(await shown({ task: 'mapped', mapIndex: 10 })).toEqual(['# mapped[10].1', '1 info ten']);
  expect(await shown({ limit: 4 })).toEqual([...(await shown()).slice(0, 5), '1 info again']);
  expect(await shown({ task: 'zebr' })).toEqual([]);
  expect(await shown({ run: 99 })).toEqual([]);
});

test('a search finds messages and data, small letters either case', async () => {
  expect(await shown({ grep: 'careful' })).toEqual(['# zebra[-1].2', '2 warn Careful']);
  expect(await shown({ grep: 'CAREFUL' })).toEqual([]);
  expect(await shown({ grep: 'e42|nin' })).toEqual([
    '# zebra[-1].1',
    '3 error coded once',
    '# mapped[9].1',
    '1 info nine',
  ]);
});

test('a pattern that goes astray is stopped, one that is none is refused', () => {
  expect(() => openSearch('(a+)+$').match([`${'a'.repeat(60)}b`])).toThrow('takes too long');
  expect(() => openSearch('(.*)(.*)(.*)(.*)(.*)(.*)x').match(['y'.repeat(100_000)])).toThrow('takes too long');
  expect(() => openSearch('a('.repeat(150))).toThrow('300 characters');
  expect(() => openSearch('a(b')).toThrow(/"a\(b" is no regular expression: Invalid|Unterminated/);
  expect(openSearch('b$').match(['ab', 'ba', `${'x'.repeat(20_000)}b`])).toEqual([true, false, false]);
});

test('the first error is the earliest among the last attempts', async () => {
  expect(await firstError(directory, { run: 1 })).toMatchObject({ task: 'a name with spaces', line: 2 });
  expect(await firstError(directory, { run: 1, task: 'zebra' })).toBeUndefined();
  expect(await firstError(directory, { run: 1, task: 'zebra', attempt: 1 })).toMatchObject({ msg: 'coded once' });
});

test('following gives lines as they come, of new attempts too, and ends when nothing more will come', async () => {
  const step: (() => Promise<void>)[] = [
    () => write(2, 'b/-1/1', ['info b1']),
    () => write(2, 'a/-1/1', ['info a1', 'info a2']),
    async () => {},
    () => write(2, 'b/-1/1', ['info b2']),
  ];
  const seen: string[] = [];
  const follow = {
    ended: async () => step.length === 0,
    signal: new AbortController().signal,
    wait: async () => step.shift()!(),
  };
  for await (const item of readLogs(directory, { run: 2 }, { follow })) seen.push(text(item));
  expect(seen).toEqual(['# b[-1].1', '1 info b1', '# a[-1].1', '1 info a1', '2 info a2', '# b[-1].1', '2 info b2']);
});

test('following ends quietly when it is given up', async () => {
  const controller = new AbortController();
  const seen: LogItem[] = [];
  const wait = async () => controller.abort();
  for await (const item of readLogs(
    directory,
    { run: 1, task: 'zebra', attempt: 2 },
    { follow: { ended: async () => false, signal: controller.signal, wait } },
  ))
    seen.push(item);
  expect(seen).toHaveLength(4);
});
