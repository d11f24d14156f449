import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { graphFrom } from '../../orchestrator/graphs.ts';
import { testProject } from './project.ts';

interface Run {
  readonly id: number;
  readonly state: string;
  readonly tasks: readonly { readonly task: string; readonly state: string; readonly attempt: number }[];
}

const failing = () => graphFrom('stage, load after stage, publish after load');

test('where nothing ran, lists are empty and nothing is made', async () => {
  const project = testProject();
  expect(await project.json('runs', 'list')).toEqual([]);
  expect(await project.json('events')).toEqual([]);
  const list = await project.cli('runs', 'list');
  expect(list).toMatchObject({ code: 0, out: 'no runs; sparkify run PIPELINE makes one\n' });
  expect(existsSync(join(project.directory, '.sparkify', 'store.db'))).toBe(false);
});

test('a run that failed is listed, shown with its reasons, retried and done', async () => {
  const project = testProject();
  const run = await project.run(failing());
  await project.work({ load: 'no such column' });
  const list = await project.cli('runs', 'list', '--state', 'failed');
  expect(list.out).toMatch(
    new RegExp(`${run}  sparkify  2018-11-01/2018-11-02  manual +✗ failed .* load: no such column`),
  );
  const shown = await project.cli('runs', 'show', String(run));
  expect(shown.out).toContain(`Run ${run} of sparkify 2018-11-01/2018-11-02  ✗ failed`);
  expect(shown.out).toMatch(/load +✗ failed +1 .*no such column \[SQL_FAILED\]/);
  expect(shown.out).toMatch(/publish +⊘ upstream failed +load failed/);
  expect(shown.out).toMatch(/fix +Mend it\./);
  const dry = await project.cli('runs', 'retry', String(run), '--dry-run');
  expect(dry.out).toContain('(dry run: nothing was changed)');
  expect(dry.err).toBe('');
  expect((await project.json<Run>('runs', 'show', String(run))).state).toBe('failed');
  const retry = await project.cli('runs', 'retry', String(run));
  expect(retry).toMatchObject({ code: 0, out: expect.stringContaining('▶ running: load, publish') });
  expect(retry.err).toContain(`sparkify resume ${run}`);
  await project.work();
  const done = await project.json<Run>('runs', 'show', String(run));
  expect(done.state).toBe('succeeded');
  expect(done.tasks.map((t) => [t.task, t.state, t.attempt])).toEqual([
    ['stage', 'succeeded', 1],
    ['load', 'succeeded', 2],
    ['publish', 'succeeded', 1],
  ]);
});

test('runs are cancelled, several at once, and retried from a task', async () => {
  const project = testProject();
  const graph = failing();
  const runs = [await project.run(graph), await project.run(graph)];
  const cancelled = await project.json<{ run: Run }[]>('runs', 'cancel', ...runs.map(String));
  expect(cancelled.map((c) => c.run.state)).toEqual(['cancelled', 'cancelled']);
  const again = await project.cli('runs', 'cancel', String(runs[0]));
  expect(again.code).toBe(1);
  expect(again.err).toContain('[RUN_ENDED]');
  await project.cli('runs', 'retry', String(runs[0]), '--from-task', 'stage');
  await project.work();
  expect((await project.json<Run>('runs', 'show', String(runs[0]))).state).toBe('succeeded');
});

test('the list is cut where it is said, and says so', async () => {
  const project = testProject();
  const graph = graphFrom('a');
  for (let i = 0; i < 5; i++) await project.run(graph);
  const list = await project.cli('runs', 'list', '--limit', '2');
  expect(list.out).toContain('showing 2 of 5; --limit N shows more');
  expect(await project.json('runs', 'list', '--limit', '4')).toHaveLength(4);
});

test('single tasks are retried, marked and skipped', async () => {
  const project = testProject();
  const run = String(await project.run(failing()));
  await project.work({ load: 'no' });
  const marked = await project.cli('tasks', 'mark-success', run, 'load');
  expect(marked.out).toMatch(/^load ✓ succeeded; run \d+ /);
  await project.work();
  const retried = await project.cli('tasks', 'retry', run, 'publish');
  expect(retried.out).toMatch(/^publish › ready; run \d+ ▶ running/);
  const skipped = await project.json<{ task: { state: string }; run: Run }>('tasks', 'skip', run, 'publish');
  expect(skipped.task.state).toBe('skipped');
  const unknown = await project.cli('tasks', 'skip', run, 'pubish');
  expect(unknown.code).toBe(2);
  expect(unknown.err).toContain('publish');
});

test('what is unknown or wrong says so with its fix', async () => {
  const project = testProject();
  await project.run(graphFrom('a'));
  for (const [args, text] of [
    [['runs', 'show', '99'], 'RUN_UNKNOWN'],
    [['runs', 'show', 'x'], 'whole number'],
    [['runs', 'list', '--state', 'broken'], 'state'],
    [['pause', 'sparkfy'], 'sparkify'],
    [['logs', '99'], 'RUN_UNKNOWN'],
    [['logs', '1', '--grep', 'a(b'], 'no regular expression'],
    [['logs', '1', '--level', 'loud'], 'debug, info, warn, error'],
  ] as const) {
    const { code, out, err } = await project.cli(...args);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain(text);
  }
});

test('a pipeline is paused and goes on', async () => {
  const project = testProject();
  await project.run(graphFrom('a'));
  expect((await project.cli('pause', 'sparkify')).out).toContain('sparkify is now paused');
  expect((await project.cli('pause', 'sparkify')).out).toContain('sparkify is paused');
  expect(await project.json('unpause', 'sparkify')).toEqual({ pipeline: 'sparkify', paused: false, changed: true });
});
