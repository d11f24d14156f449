import { z } from 'zod';
import { allOf, failure, instantMs, orNull, pageOf, whenMs } from './common.ts';
import { runKinds, runStates, taskReference, taskStates } from './inputs.ts';

export const runRequest = z
  .strictObject({
    params: z.record(z.string(), z.unknown()),
    only: z.array(z.string()).optional(),
    rebuild: z.boolean().optional(),
    fromSources: z.boolean().optional(),
    prune: z.boolean().optional(),
    pruneAll: z.boolean().optional(),
    verify: z.boolean().optional(),
    dryRun: z.boolean().optional(),
  })
  .meta({ id: 'RunRequest' });

export const run = z
  .strictObject({
    id: z.int(),
    pipeline: z.string(),
    version: z.string(),
    kind: z.enum(runKinds),
    backfill: z.int().nullable(),
    interval: z.string().meta({ description: 'For people; startMs and endMs say the same.' }),
    startMs: instantMs,
    endMs: instantMs,
    state: z.enum(runStates),
    priority: z.int(),
    request: runRequest,
    dueAtMs: instantMs,
    createdAtMs: instantMs,
    startedAtMs: whenMs,
    finishedAtMs: whenMs,
    durationMs: z.int().nullable().meta({ description: 'So far, while it runs.' }),
    deadlineMs: whenMs,
    late: z.boolean(),
    unfinished: z.int().meta({ description: 'Task instances that have not ended.' }),
    failures: z.int(),
    error: orNull(failure),
    report: z.unknown().meta({ description: 'How the publish ended; null before.' }),
    requestedBy: z.string(),
  })
  .meta({ id: 'Run' });

export const runs = pageOf(run, 'RunPage');

const outcome = <T extends z.ZodType>(item: T, id: string) =>
  z
    .strictObject({
      items: z.array(
        z.strictObject({
          target: item,
          changed: z.boolean(),
          error: orNull(failure).meta({ description: 'Why not.' }),
        }),
      ),
      changed: z.int(),
      refused: z.int(),
      dryRun: z.boolean(),
    })
    .meta({ id });

export const runChange = z
  .strictObject({ run: run, changed: z.boolean(), tasks: z.array(z.string()), dryRun: z.boolean() })
  .meta({ id: 'RunChange', description: '`tasks`: those that are done again or were stopped.' });

export const runOutcomes = outcome(z.int(), 'RunOutcomes');

export const taskOutcomes = outcome(taskReference, 'TaskOutcomes');

export const task = z
  .strictObject({
    id: z.int(),
    run: z.int(),
    pipeline: z.string(),
    task: z.string(),
    mapIndex: z.int().meta({ description: '−1: the task itself.' }),
    kind: z.string().nullable(),
    group: z.string().nullable(),
    after: z.array(z.string()),
    state: z.enum(taskStates),
    why: z.string().nullable().meta({ description: 'Why it is not running just now.' }),
    detail: z.string().nullable(),
    attempt: z.int(),
    failures: z.int(),
    crashes: z.int(),
    looks: z.int(),
    queue: z.string(),
    pool: z.string().nullable(),
    worker: z.string().nullable(),
    leaseUntilMs: whenMs,
    readyAtMs: whenMs,
    startedAtMs: whenMs,
    finishedAtMs: whenMs,
    durationMs: z.int().nullable(),
    error: orNull(failure),
    markedBy: z.string().nullable(),
    elements: z
      .record(z.string(), z.int())
      .nullable()
      .meta({ description: 'Of a mapped task: how many of its elements are in which state.' }),
  })
  .meta({ id: 'Task' });

export const tasks = pageOf(task, 'TaskPage');

export const taskWithValues = z
  .strictObject({ ...task.shape, input: z.unknown(), output: z.unknown() })
  .meta({ id: 'TaskWithValues' });

export const taskChange = z
  .strictObject({ task: task, run: run, changed: z.boolean(), dryRun: z.boolean() })
  .meta({ id: 'TaskChange' });

const attempt = z
  .strictObject({
    attempt: z.int(),
    state: z.enum(['running', 'succeeded', 'failed', 'crashed', 'cancelled']),
    worker: z.string(),
    startedAtMs: instantMs,
    finishedAtMs: whenMs,
    durationMs: z.int().nullable(),
    error: orNull(failure),
  })
  .meta({ id: 'Attempt' });
export const attempts = allOf(attempt, 'AttemptList');

export const gantt = z
  .strictObject({
    run: z.int(),
    startMs: instantMs,
    endMs: instantMs.meta({ description: 'The end, or now while it runs.' }),
    bars: z.array(
      z.strictObject({
        task: z.string(),
        group: z.string().nullable(),
        state: z.enum(taskStates),
        usualMs: z.int().nullable().meta({ description: 'Median of its latest 20 successes in other runs.' }),
        attempts: z.array(
          z.strictObject({
            attempt: z.int(),
            state: z.string(),
            startMs: instantMs,
            endMs: whenMs,
          }),
        ),
        elements: z
          .strictObject({ count: z.int(), startMs: whenMs, endMs: whenMs })
          .nullable()
          .meta({ description: 'Of a mapped task: from its first element to its last.' }),
      }),
    ),
    criticalPath: z.array(z.string()).meta({ description: 'The tasks that decided when it ended, first to last.' }),
  })
  .meta({ id: 'Gantt' });
