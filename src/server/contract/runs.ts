import { z } from 'zod';
import { type RunState, runTransitions, type TaskState, taskTransitions } from '../../orchestrator/model/states.ts';
import {
  allOf,
  cursorText,
  dryRun,
  failure,
  flag,
  idInPath,
  instantMs,
  instantText,
  listOf,
  nameInPath,
  orNull,
  pageLimit,
  pageOf,
  whenMs,
  wholeNumber,
} from './common.ts';

export const runStates = Object.keys(runTransitions) as [RunState, ...RunState[]];
export const taskStates = Object.keys(taskTransitions) as [TaskState, ...TaskState[]];
const runKinds = ['scheduled', 'manual', 'backfill'] as const;

export const oneRun = z.strictObject({ run: idInPath });
export const oneTask = z.strictObject({ run: idInPath, task: nameInPath });
/** −1 is the task itself, 0 on the elements of a mapped one. */
export const element = z.strictObject({ mapIndex: wholeNumber({ min: -1, max: 1_000_000 }).optional() });

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

export const runFilter = z.strictObject({
  pipeline: nameInPath.optional(),
  state: listOf(runStates).optional(),
  kind: listOf(runKinds).optional(),
  backfill: idInPath.optional(),
  late: flag.optional(),
  from: instantText.optional().meta({ description: 'Only intervals that end after this.' }),
  to: instantText.optional().meta({ description: 'Only intervals that begin before this.' }),
  cursor: cursorText.optional(),
  limit: pageLimit(500, 50),
});

export const triggerBody = z
  .strictObject({
    pipeline: nameInPath,
    interval: z
      .string()
      .max(100)
      .optional()
      .meta({ description: 'START/END or a day, month, year in UTC; all time when not said.' }),
    params: z.record(z.string(), z.unknown()).optional(),
    only: z
      .array(nameInPath)
      .min(1)
      .max(1000)
      .optional()
      .meta({ description: 'These and what they wait for; publishes nothing.' }),
    rebuild: z.boolean().optional(),
    fromSources: z.boolean().optional(),
    prune: z.boolean().optional(),
    pruneAll: z.boolean().optional(),
    verify: z.boolean().optional(),
    dryRun: z
      .boolean()
      .optional()
      .meta({ description: 'A run that derives and shows what would change, and publishes nothing.' }),
  })
  .meta({ id: 'Trigger' });

export const retryBody = z.strictObject({
  fromTask: nameInPath
    .optional()
    .meta({ description: 'This task and all after it, whatever they ended as; else what failed.' }),
  dryRun,
});

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

export const changeRunsBody = z.strictObject({
  action: z.enum(['cancel', 'retry', 'resume']),
  runs: z.array(z.int().min(1)).min(1).max(500),
  dryRun,
});
export const runOutcomes = outcome(z.int(), 'RunOutcomes');

const taskReference = z.strictObject({
  run: z.int().min(1),
  task: nameInPath,
  mapIndex: z.int().min(-1).max(1_000_000).optional(),
});
export const changeTasksBody = z.strictObject({
  action: z.enum(['retry', 'mark-success', 'skip']),
  tasks: z.array(taskReference).min(1).max(500),
  dryRun,
});
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
export const taskFilter = z.strictObject({
  state: listOf(taskStates).optional(),
  mapped: nameInPath
    .optional()
    .meta({ description: 'The elements of this mapped task, instead of the tasks themselves.' }),
  cursor: cursorText.optional(),
  limit: pageLimit(1000, 500),
});

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
