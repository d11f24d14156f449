import { expect, test } from 'vitest';
import type { z } from 'zod';
import { describeEvent } from '../../../src/orchestrator/events/describe-event.ts';
import type { StoreEvent } from '../../../src/orchestrator/events/event.ts';
import { type StoredEvent, storedEventSchema } from '../../../src/orchestrator/events/stored-event.ts';

const run = { pipeline: 'sparkify', runId: 42 };
const task = { ...run, taskId: 7, task: 'load-users', mapIndex: -1 };
const error = { code: 'CHECKS_FAILED', message: 'Not published' };
const backfill = { pipeline: 'sparkify', backfillId: 3, cells: 30, by: 'ann' };
const worker = { worker: 'w1', host: 'box', pid: 12 };
const day = Date.UTC(2018, 10, 1);

// One of each type: the compiler asks for a new one.
const events: { readonly [T in StoreEvent['type']]: readonly [StoreEvent & { type: T }, string] } = {
  'run.created': [
    { type: 'run.created', ...run, kind: 'scheduled', startMs: day, endMs: day + 86_400_000 },
    'Run 42 of sparkify: asked for (scheduled, 2018-11-01/2018-11-02).',
  ],
  'run.started': [{ type: 'run.started', ...run }, 'Run 42 of sparkify: started.'],
  'run.succeeded': [
    { type: 'run.succeeded', ...run, durationMs: 1234, outcome: 'published' },
    'Run 42 of sparkify: succeeded after 1.2 s and published.',
  ],
  'run.failed': [
    { type: 'run.failed', ...run, durationMs: 100, error },
    'Run 42 of sparkify: failed after 100 ms: Not published [CHECKS_FAILED]',
  ],
  'run.cancelling': [{ type: 'run.cancelling', ...run, by: 'ann' }, 'Run 42 of sparkify: is being cancelled by ann.'],
  'run.cancelled': [{ type: 'run.cancelled', ...run, by: 'ann' }, 'Run 42 of sparkify: cancelled by ann.'],
  'run.resumed': [
    { type: 'run.resumed', ...run, by: 'ann', fromTask: 'load' },
    'Run 42 of sparkify: carried on by ann, from load.',
  ],
  'run.late': [
    { type: 'run.late', ...run, deadlineMs: day + 3_600_000 },
    'Run 42 of sparkify: late; it was to have ended by 2018-11-01T01:00Z.',
  ],
  'task.started': [
    { type: 'task.started', ...task, attempt: 2, worker: 'w1' },
    'Run 42, load-users: attempt 2 started on w1.',
  ],
  'task.succeeded': [
    { type: 'task.succeeded', ...task, mapIndex: 5, attempt: 1, durationMs: 5, detail: '104 rows' },
    'Run 42, load-users[5]: succeeded after 5 ms: 104 rows',
  ],
  'task.failed': [
    { type: 'task.failed', ...task, attempt: 1, durationMs: 5, error },
    'Run 42, load-users: attempt 1 failed after 5 ms: Not published [CHECKS_FAILED]',
  ],
  'task.retrying': [
    { type: 'task.retrying', ...task, attempt: 1, atMs: day, error },
    'Run 42, load-users: attempt 1 failed, tried again at 2018-11-01: Not published [CHECKS_FAILED]',
  ],
  'task.crashed': [
    { type: 'task.crashed', ...task, attempt: 1, crashes: 2, worker: 'w1' },
    'Run 42, load-users: attempt 1 was lost with its worker w1 (2 times so far).',
  ],
  'task.skipped': [{ type: 'task.skipped', ...task, reason: 'not today' }, 'Run 42, load-users: skipped: not today'],
  'task.upstream_failed': [
    { type: 'task.upstream_failed', ...task, reason: 'stage failed' },
    'Run 42, load-users: not started: stage failed',
  ],
  'task.cancelled': [{ type: 'task.cancelled', ...task, reason: 'by ann' }, 'Run 42, load-users: cancelled: by ann'],
  'task.expanded': [{ type: 'task.expanded', ...task, count: 1 }, 'Run 42, load-users: has 1 element.'],
  'task.marked': [
    { type: 'task.marked', ...task, state: 'skipped', by: 'ann' },
    'Run 42, load-users: marked skipped by ann.',
  ],
  'backfill.created': [
    { type: 'backfill.created', ...backfill, state: 'running' },
    'Backfill 3 of sparkify: asked for, 30 cells by ann.',
  ],
  'backfill.started': [
    { type: 'backfill.started', ...backfill, state: 'running' },
    'Backfill 3 of sparkify: started, 30 cells.',
  ],
  'backfill.paused': [
    { type: 'backfill.paused', ...backfill, state: 'paused' },
    'Backfill 3 of sparkify: paused by ann.',
  ],
  'backfill.resumed': [
    { type: 'backfill.resumed', ...backfill, state: 'running', by: undefined },
    'Backfill 3 of sparkify: goes on.',
  ],
  'backfill.cancelling': [
    { type: 'backfill.cancelling', ...backfill, state: 'cancelling' },
    'Backfill 3 of sparkify: is being cancelled by ann.',
  ],
  'backfill.ended': [
    { type: 'backfill.ended', ...backfill, state: 'failed' },
    'Backfill 3 of sparkify: failed, 30 cells.',
  ],
  'pipeline.changed': [
    { type: 'pipeline.changed', pipeline: 'sparkify', version: '0123456789abcdef', semanticVersion: 'x' },
    'Pipeline sparkify: has a new version, 0123456789ab.',
  ],
  'pipeline.broken': [
    { type: 'pipeline.broken', pipeline: 'sparkify', error },
    'Pipeline sparkify: is broken: Not published [CHECKS_FAILED]',
  ],
  'pipeline.back': [
    { type: 'pipeline.back', pipeline: 'sparkify', was: 'gone' },
    'Pipeline sparkify: the project has it again.',
  ],
  'pipeline.gone': [
    { type: 'pipeline.gone', pipeline: 'sparkify', by: undefined },
    'Pipeline sparkify: the project has it no more.',
  ],
  'pipeline.paused': [
    { type: 'pipeline.paused', pipeline: 'sparkify', by: 'ann' },
    'Pipeline sparkify: paused by ann.',
  ],
  'pipeline.unpaused': [
    { type: 'pipeline.unpaused', pipeline: 'sparkify', by: undefined },
    'Pipeline sparkify: goes on.',
  ],
  'pipeline.recovered': [{ type: 'pipeline.recovered', ...run }, 'Pipeline sparkify: works again, with run 42.'],
  'worker.started': [{ type: 'worker.started', ...worker }, 'Worker w1: started on box, process 12.'],
  'worker.stopped': [{ type: 'worker.stopped', ...worker }, 'Worker w1: stopped.'],
  'worker.lost': [{ type: 'worker.lost', ...worker }, 'Worker w1: not heard of any more (box, process 12).'],
  'alert.failed': [
    { type: 'alert.failed', ...run, target: 'x.example#0a1b', reason: 'it answers 500' },
    'Run 42 of sparkify: nobody took the alert at x.example#0a1b: it answers 500',
  ],
  'clock.jumped': [{ type: 'clock.jumped', byMs: -3000 }, 'The clock jumped back by 3.0 s.'],
};

test.each(Object.entries(events))('%s is one sentence, before and after it was stored', (_, [event, sentence]) => {
  expect(describeEvent(event)).toBe(sentence);
  const stored = storedEventSchema.parse({ ...JSON.parse(JSON.stringify(event)), seq: 1, at: day });
  expect(describeEvent(stored)).toBe(sentence);
  // Every field of it is known to the schema.
  expect(stored).toEqual(JSON.parse(JSON.stringify({ ...event, seq: 1, at: day })));
});

test('the schema is the type, and other types are refused', () => {
  const asType = (event: z.output<typeof storedEventSchema>): StoredEvent => event;
  const asSchema = (event: StoredEvent): z.input<typeof storedEventSchema> => event;
  expect(asSchema(asType({ type: 'run.started', ...run, seq: 1, at: 0 }))).toMatchObject(run);
  expect(storedEventSchema.safeParse({ type: 'run.exploded', ...run, seq: 1, at: 0 }).success).toBe(false);
});
