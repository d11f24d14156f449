import { expect, test } from 'vitest';
import { runCli } from '../../../src/cli/program.ts';
import { graphFrom } from '../../orchestrator/graphs.ts';
import { fakeContext } from '../fake-context.ts';
import { testProject } from './project.ts';

test('logs are shown by attempt, with line numbers and errors, searched and cut down', async () => {
  const project = testProject();
  const run = String(await project.run(graphFrom('stage, load after stage')));
  await project.work({ load: 'no such column' });
  await project.cli('runs', 'retry', run);
  await project.work();
  const all = await project.cli('logs', run);
  expect(all.out.split('\n').filter((l) => l.startsWith('── '))).toEqual([
    '── stage, attempt 1 ──',
    '── load, attempt 1 ──',
    '── load, attempt 2 ──',
  ]);
  expect(all.out).toMatch(/ {3}2 \d\d:\d\d:\d\d\.\d{3} error no such column\n {7}Error: no such column\n {11}at /);
  const errors = await project.json<{ kind: string; msg?: string }[]>('logs', run, '--level', 'error');
  expect(errors.map((i) => i.msg ?? i.kind)).toEqual(['attempt', 'no such column']);
  const found = await project.json<{ kind: string; task: string }[]>('logs', run, '--grep', 'working on st');
  expect(found.map((i) => [i.kind, i.task])).toEqual([
    ['attempt', 'stage'],
    ['line', 'stage'],
  ]);
  expect(await project.json('logs', run, 'load', '--attempt', 'last')).toHaveLength(2);
  expect(await project.json('logs', run, '--limit', '1')).toHaveLength(2);
  expect(await project.json('logs', run, 'load', '--attempt', '9')).toEqual([]);
  const none = await project.cli('logs', run, 'load', '--attempt', '9');
  expect(none).toMatchObject({ code: 0, out: '', err: 'no lines\n' });
  expect((await project.cli('logs', run, 'load', '--attempt', '1', '--first-error')).out).toMatch(
    /^── load, attempt 1 ──\n {3}2 .* error no such column/,
  );
  // Among the last attempts nothing failed.
  expect(await project.json('logs', run, '--first-error')).toBeNull();
  // The run has ended: following gives what there is, line by line, and ends.
  const followed = await project.cli('logs', run, '--follow', '--json');
  expect(
    followed.out
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l).kind),
  ).toContain('line');
});

test('events are told in sentences, the last of them unless asked otherwise', async () => {
  const project = testProject();
  const run = String(await project.run(graphFrom('stage')));
  await project.work();
  const told = await project.cli('events');
  expect(told.out).toMatch(
    /1 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ {2}Run \d+ of sparkify: asked for \(manual, 2018-11-01\/2018-11-02\)\./,
  );
  const all = await project.json<{ seq: number; type: string }[]>('events', '--after', '0');
  expect(all.map((e) => e.type)).toEqual([
    'run.created',
    'run.started',
    'task.started',
    'task.succeeded',
    'run.succeeded',
  ]);
  const last = await project.json<{ seq: number }[]>('events', '--limit', '2');
  expect(last).toEqual(all.slice(-2));
  expect(await project.json('events', '--after', String(all[1]!.seq), '--limit', '1')).toEqual([all[2]]);
  expect(await project.json('events', '--type', 'task', '--run', run)).toEqual(all.slice(2, 4));
});

test('following events gives the past, then what happens, until it is interrupted', async () => {
  const project = testProject();
  const graph = graphFrom('stage');
  await project.run(graph);
  const controller = new AbortController();
  let written = '';
  const context = fakeContext({
    cwd: project.directory,
    signal: controller.signal,
    out: {
      write: async (text) => {
        written += text;
        if (written.trim().split('\n').length === 2) void project.run(graph);
        if (written.trim().split('\n').length === 4) controller.abort();
      },
    },
  });
  expect(await runCli(['events', '--follow', '--json'], context)).toBe(0);
  const types = written
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l).type);
  expect(types).toEqual(['run.created', 'run.started', 'run.created', 'run.started']);
});
