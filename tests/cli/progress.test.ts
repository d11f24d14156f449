import { expect, test } from 'vitest';
import { confirm } from '../../src/cli/confirm.ts';
import { progressView } from '../../src/cli/progress.ts';
import { fakeContext } from './fake-context.ts';

test('off a terminal every event is one line, and ticks are thinned', () => {
  const context = fakeContext();
  const { listener, stop } = progressView(context);
  listener({ type: 'task.started', task: 'stage_events' });
  for (let done = 1; done <= 100; done++)
    listener({ type: 'task.progress', task: 'stage_events', detail: '', done, total: 100, unit: 'objects' });
  listener({ type: 'task.succeeded', task: 'stage_events', durationMs: 1234, detail: '8,056 records' });
  listener({ type: 'task.succeeded', task: 'load_users', durationMs: 0, detail: '', resumed: true });
  listener({ type: 'task.failed', task: 'quality', durationMs: 5, detail: 'two checks failed' });
  listener({ type: 'warning', detail: 'no object for 2018-11-03' });
  stop();
  expect(context.errors().split('\n')).toEqual([
    'stage_events: started',
    'stage_events: 1 of 100 objects',
    'stage_events: done in 1.2 s: 8,056 records',
    'load_users: kept from the run before',
    'quality: failed after 5 ms: two checks failed',
    'warning: no object for 2018-11-03',
    '',
  ]);
  expect(context.output()).toBe('');
});

test('on a terminal finished tasks stay and the live line goes', () => {
  const context = fakeContext({ live: true });
  const { listener, stop } = progressView(context);
  listener({ type: 'task.started', task: 'publish' });
  listener({ type: 'task.succeeded', task: 'publish', durationMs: 20, detail: 'songplays +3' });
  listener({ type: 'task.started', task: 'late' });
  stop();
  const lines = context.errors().split('\n');
  const screen = lines.map((text) => text.slice(text.lastIndexOf('\u001b[2K') + 4)).join('\n');
  expect(screen).toBe('✓ publish  songplays +3  20 ms\n');
});

test('a confirmation wants --yes, or a typed yes on a terminal', async () => {
  const say = { yes: false, command: 'tables drop' };
  await expect(confirm(fakeContext(), ['songplays goes'], say)).rejects.toMatchObject({ code: 'USAGE' });
  expect(await confirm(fakeContext(), [], { ...say, yes: true })).toBe(true);
  const asked = (answer: string) => fakeContext({ interactive: true, ask: async () => answer });
  expect(await confirm(asked('yes'), [], say)).toBe(true);
  expect(await confirm(asked('y'), [], say)).toBe(false);
});
