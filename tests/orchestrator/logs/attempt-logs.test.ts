import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fixedClock } from '../../../src/core/clock.ts';
import { type AttemptLogsOptions, openAttemptLogs } from '../../../src/orchestrator/logs/attempt-logs.ts';
import { escapeTask, logFile, parseFileName } from '../../../src/orchestrator/logs/file-name.ts';
import type { AttemptKey, LogItem } from '../../../src/orchestrator/logs/log-line.ts';
import { firstError, type LogQuery, readLogs } from '../../../src/orchestrator/logs/read-logs.ts';
import { removeLogs } from '../../../src/orchestrator/logs/remove-logs.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sparkify-logs-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const clock = fixedClock(1000);

function open(options: Partial<AttemptLogsOptions> = {}) {
  const timers: (() => void)[] = [];
  const logs = openAttemptLogs({ directory, clock, later: (work) => void timers.push(work), ...options });
  return { ...{ open: logs.open.bind(logs), flush: () => logs.flush(), close: () => logs.close() }, timers };
}

function key(task: string, attempt = 1, mapIndex = -1, run = 7): AttemptKey {
  return { run, task, attempt, mapIndex };
}

async function read(query: Partial<LogQuery> = {}): Promise<readonly LogItem[]> {
  const items: LogItem[] = [];
  for await (const item of readLogs(directory, { run: 7, ...query })) items.push(item);
  return items;
}

/** As short texts: `# load-users.1`, `3 warn text`, `… 4–9`. */
async function shown(query: Partial<LogQuery> = {}): Promise<readonly string[]> {
  return (await read(query)).map((item) => {
    if (item.kind === 'attempt')
      return `# ${item.task}${item.mapIndex < 0 ? '' : `[${item.mapIndex}]`}.${item.attempt}`;
    return item.kind === 'cut' ? `… ${item.fromLine}–${item.toLine}` : `${item.line} ${item.level} ${item.msg}`;
  });
}

test('lines are JSON with their place, their number and their data', async () => {
  const logs = open({ secrets: ['geheim99'] });
  const log = logs.open(key('load-users', 2));
  log.info('104 rows', { table: 'users', note: 'geheim99' });
  log.error('it broke', { error: new TypeError('x is not a function') });
  await log.close();
  const lines = readFileSync(logFile(directory, key('load-users', 2)), 'utf8')
    .trimEnd()
    .split('\n');
  expect(JSON.parse(lines[0]!)).toEqual({
    line: 1,
    level: 'info',
    time: 1000,
    run: 7,
    task: 'load-users',
    mapIndex: -1,
    attempt: 2,
    msg: '104 rows',
    data: { table: 'users', note: '***' },
  });
  expect(JSON.parse(lines[1]!)).toMatchObject({ line: 2, data: { error: { name: 'TypeError' } } });
  log.info('too late');
  await logs.close();
  expect(await shown()).toEqual(['# load-users.2', '1 info 104 rows', '2 error it broke']);
});

test('what was said before the last look of the timer survives a kill, and a torn line disturbs nothing', async () => {
  const { timers, ...logs } = open();
  const log = logs.open(key('a'));
  log.info('one');
  log.info('two');
  expect(existsSync(logFile(directory, key('a')))).toBe(false);
  expect(timers).toHaveLength(1);
  timers.pop()!();
  await logs.flush();
  // Killed here, in the middle of the next write.
  appendFileSync(logFile(directory, key('a')), '{"line":3,"level":"in');
  expect(await shown()).toEqual(['# a.1', '1 info one', '2 info two']);
  const again = open().open(key('a'));
  again.info('three');
  await again.close();
  expect(await shown()).toEqual(['# a.1', '1 info one', '2 info two', '3 info three']);
});

test('an attempt without lines has no file, and thousands with lines open few at once', async () => {
  const logs = open();
  const quiet = logs.open(key('m', 1, 0));
  quiet.progress({ type: 'task.started', task: 'm' });
  quiet.progress({ type: 'task.succeeded', task: 'm', durationMs: 3, detail: 'done' });
  await quiet.close();
  expect(readdirSync(directory)).toEqual([]);
  const many = Array.from({ length: 3000 }, (_, i) => logs.open(key('m', 1, i)));
  for (const log of many) log.info('hello');
  let mostOpen = 0;
  const done = Promise.all(many.map((log) => log.close()));
  const look = setInterval(() => {
    mostOpen = Math.max(mostOpen, readdirSync('/dev/fd').length);
  }, 5);
  await done;
  clearInterval(look);
  expect(readdirSync(join(directory, '7'))).toHaveLength(3000);
  expect(mostOpen).toBeLessThan(120);
});

test('of a log that outgrew its limit the beginning and the end are kept, and the cut is named', async () => {
  const logs = open({ maxBytes: 20_000 });
  const log = logs.open(key('big'));
  for (let i = 1; i <= 1000; i++) {
    log.info(`line ${i}`);
    if (i % 50 === 0) await log.flush();
  }
  const during = await read();
  await log.close();
  const bytes = readdirSync(join(directory, '7'), { withFileTypes: true })
    .map((f) => readFileSync(join(directory, '7', f.name)).length)
    .reduce((a, b) => a + b);
  expect(bytes).toBeLessThan(20_600);
  expect(bytes).toBeGreaterThan(14_000);
  const items = await read();
  const cut = items.find((i) => i.kind === 'cut')!;
  const lines = items.filter((i) => i.kind === 'line');
  expect(lines.map((l) => l.line)).toEqual([
    ...Array.from({ length: cut.fromLine - 1 }, (_, i) => i + 1),
    ...Array.from({ length: 1001 - cut.toLine }, (_, i) => cut.toLine + 1 + i),
  ]);
  expect(lines.at(-2)).toMatchObject({ line: 1000, msg: 'line 1000' });
  expect(lines.at(-1)).toMatchObject({
    level: 'warn',
    msg: expect.stringContaining(`Lines ${cut.fromLine} to ${cut.toLine} were cut`),
    data: { cut: { fromLine: cut.fromLine, toLine: cut.toLine } },
  });
  // Also while it is written, and after a kill.
  expect(during.filter((i) => i.kind === 'cut')).toHaveLength(1);
});

test('what waits in memory is bounded as well, when a task never gives the process a turn', async () => {
  const logs = open({ maxBytes: 20_000 });
  const log = logs.open(key('loop'));
  for (let i = 1; i <= 20_000; i++) log.info(`line ${i}`);
  await log.close();
  const items = await read();
  expect(items.filter((i) => i.kind === 'cut')).toHaveLength(1);
  expect(items.at(-2)).toMatchObject({ msg: 'line 20000', line: 20_000 });
});

test('a log that outgrew its limit is taken up where it stopped', async () => {
  const write = async (from: number, to: number) => {
    const log = open({ maxBytes: 20_000 }).open(key('big'));
    for (let i = from; i <= to; i++) log.info(`line ${i}`);
    await log.flush();
  };
  await write(1, 500);
  await write(501, 600);
  const lines = (await read()).filter((i) => i.kind === 'line');
  expect(lines.at(-1)).toMatchObject({ line: 600, msg: 'line 600' });
  expect(new Set(lines.map((l) => l.line)).size).toBe(lines.length);
});

test('a folder that cannot be written to is told once and disturbs nobody', async () => {
  const problems: unknown[] = [];
  const blocked = join(directory, 'file');
  writeFileSync(blocked, '');
  const logs = openAttemptLogs({ directory: blocked, clock, later: () => {}, onProblem: (e) => problems.push(e) });
  for (const task of ['a', 'b']) {
    const log = logs.open(key(task));
    log.info('x');
    await log.close();
  }
  expect(problems).toHaveLength(1);
});

test('progress becomes lines: numbers at most once a second and the last, words always', async () => {
  const logs = open();
  const log = logs.open(key('stage'));
  const count = (done: number) =>
    log.progress({ type: 'task.progress', task: 'stage', detail: 'reading', done, total: 9, unit: 'objects' });
  log.progress({ type: 'task.started', task: 'stage' });
  for (const n of [1, 2, 3]) count(n);
  clock.advance(1000);
  for (const n of [4, 5]) count(n);
  log.progress({ type: 'task.progress', task: 'stage', detail: 'hello' });
  log.progress({ type: 'warning', detail: 'drift' });
  log.progress({ type: 'note', detail: 'note' });
  log.progress({ type: 'task.succeeded', task: 'stage', durationMs: 12.4, detail: '9 objects' });
  log.progress({ type: 'task.failed', task: 'stage', durationMs: 2, detail: 'no' });
  await log.close();
  expect((await read()).flatMap((i) => (i.kind === 'line' ? [[i.level, i.msg, i.data?.done]] : []))).toEqual([
    ['info', 'reading', 1],
    ['info', 'reading', 4],
    ['info', 'hello', undefined],
    ['warn', 'drift', undefined],
    ['info', 'note', undefined],
    ['info', 'reading', 5],
    ['info', '9 objects', undefined],
    ['error', 'no', undefined],
  ]);
});

test('names of files stay in their folder and apart from each other', () => {
  const names = [
    'load',
    'load.1',
    'load~1',
    '../x',
    '/etc/passwd',
    'a b',
    'ä',
    '',
    '%2E',
    'x'.repeat(400),
    '.',
    'con|?',
  ];
  const files = names.flatMap((task) => [key(task), key(task, 1, 3), key(task, 13)].map((k) => logFile('/logs', k)));
  expect(new Set(files).size).toBe(files.length);
  for (const file of files) {
    expect(file).toMatch(/^\/logs\/7\/[\w%~.-]+$/);
    expect(file.split('/').at(-1)!.length).toBeLessThan(220);
  }
  expect(parseFileName(`${escapeTask('a.b')}.4.2~3.jsonl`)).toEqual({
    escaped: 'a%2Eb',
    mapIndex: 4,
    attempt: 2,
    part: 3,
  });
  expect(parseFileName('notes.txt')).toBeUndefined();
});

test('logs of runs are removed with their runs', async () => {
  const log = open().open(key('a'));
  log.info('x');
  await log.close();
  await removeLogs(directory, [7, 8]);
  expect(readdirSync(directory)).toEqual([]);
  expect(await read()).toEqual([]);
  expect(await firstError(directory, { run: 7 })).toBeUndefined();
});
