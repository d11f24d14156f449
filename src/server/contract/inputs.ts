import { z } from 'zod';
import { planScopes } from '../../orchestrator/cells/plan.ts';
import { logLevels } from '../../orchestrator/logs/log-line.ts';
import { type RunState, runTransitions, type TaskState, taskTransitions } from '../../orchestrator/model/states.ts';
import { type OperationId, scopes } from '../operations.ts';
import {
  cursorText,
  dryRun,
  flag,
  idInPath,
  instantText,
  listOf,
  nameInPath,
  onlyDryRun,
  pageLimit,
  wholeNumber,
} from './words.ts';

/** What an operation takes. Objects are strict: a field that is not named here is refused. */
export interface OperationInputs {
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
}

export const runKinds = ['scheduled', 'manual', 'backfill'] as const;
export const runStates = Object.keys(runTransitions) as [RunState, ...RunState[]];
export const taskStates = Object.keys(taskTransitions) as [TaskState, ...TaskState[]];

const onePipeline = z.strictObject({ pipeline: nameInPath });
const graphQuery = z.strictObject({
  version: z.string().max(200).optional().meta({ description: 'Without it the version in force.' }),
});
const matrixQuery = z.strictObject({
  runs: wholeNumber({ min: 1, max: 200 }).optional(),
  before: idInPath.optional().meta({ description: 'Only runs with a smaller number.' }),
  kind: z.enum(['scheduled', 'manual', 'backfill']).optional(),
});

const words = z.string().max(10_000).meta({ description: 'Names of tasks or groups, separated by commas.' });
const planQuery = z.strictObject({
  from: instantText.optional().meta({ description: 'Beginning, UTC; else where the schedule begins.' }),
  to: instantText.optional().meta({ description: 'End, which is outside; else the last interval that is over.' }),
  every: z.string().max(100).optional().meta({ description: 'Length of an interval, without a schedule: `1 day`.' }),
  scope: z.enum(planScopes).optional(),
  tasks: words.optional(),
  newestFirst: flag.optional(),
  coalesce: wholeNumber({ min: 1, max: 10_000 }).optional(),
});

const oneRun = z.strictObject({ run: idInPath });
const oneTask = z.strictObject({ run: idInPath, task: nameInPath });
/** −1 is the task itself, 0 on the elements of a mapped one. */
const element = z.strictObject({ mapIndex: wholeNumber({ min: -1, max: 1_000_000 }).optional() });
const runFilter = z.strictObject({
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
const triggerBody = z
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
const retryBody = z.strictObject({
  fromTask: nameInPath
    .optional()
    .meta({ description: 'This task and all after it, whatever they ended as; else what failed.' }),
  dryRun,
});
const changeRunsBody = z.strictObject({
  action: z.enum(['cancel', 'retry', 'resume']),
  runs: z.array(z.int().min(1)).min(1).max(500),
  dryRun,
});

export const taskReference = z.strictObject({
  run: z.int().min(1),
  task: nameInPath,
  mapIndex: z.int().min(-1).max(1_000_000).optional(),
});
const changeTasksBody = z.strictObject({
  action: z.enum(['retry', 'mark-success', 'skip']),
  tasks: z.array(taskReference).min(1).max(500),
  dryRun,
});
const taskFilter = z.strictObject({
  state: listOf(taskStates).optional(),
  mapped: nameInPath
    .optional()
    .meta({ description: 'The elements of this mapped task, instead of the tasks themselves.' }),
  cursor: cursorText.optional(),
  limit: pageLimit(1000, 500),
});

const attempts = {
  task: nameInPath.optional(),
  mapIndex: wholeNumber({ min: -1, max: 1_000_000 }).optional(),
  attempt: z
    .union([z.literal('last'), wholeNumber({ min: 1, max: 1_000_000 })])
    .optional()
    .meta({ description: 'A number, or `last`; all attempts when not said.' }),
};
const choice = {
  ...attempts,
  level: z.enum(logLevels).optional().meta({ description: 'This level and those above it.' }),
  grep: z.string().max(200).optional().meta({ description: 'A regular expression over message and data.' }),
  from: wholeNumber({ min: 1, max: Number.MAX_SAFE_INTEGER })
    .optional()
    .meta({ description: 'From this line of each attempt on.' }),
};
const logFilter = z.strictObject({ ...choice, cursor: cursorText.optional(), limit: pageLimit(5000, 1000) });
const logStreamFilter = z.strictObject(choice);
const attemptChoice = z.strictObject(attempts);

const oneBackfill = z.strictObject({ backfill: idInPath });
const backfillFilter = z.strictObject({
  pipeline: nameInPath.optional(),
  cursor: cursorText.optional(),
  limit: pageLimit(200, 50),
});
const backfillBody = z
  .strictObject({
    pipeline: nameInPath,
    from: instantText.optional(),
    to: instantText.optional(),
    every: z.string().max(100).optional().meta({ description: 'Length of an interval, without a schedule: `1 day`.' }),
    scope: z.enum(planScopes).optional(),
    tasks: z.array(nameInPath).min(1).max(1000).optional(),
    newestFirst: z.boolean().optional(),
    coalesce: z.int().min(1).max(10_000).optional(),
    maxActive: z.int().min(1).max(1000).optional(),
    params: z.record(z.string(), z.unknown()).optional(),
    dryRun,
  })
  .meta({ id: 'NewBackfill' });

const statusQuery = z.strictObject({ pipeline: nameInPath.optional() });
const eventFields = {
  after: wholeNumber({ min: 0, max: Number.MAX_SAFE_INTEGER })
    .optional()
    .meta({ description: 'Only events after this seq.' }),
  pipeline: nameInPath.optional(),
  run: idInPath.optional(),
  type: z
    .string()
    .max(500)
    .optional()
    .meta({ description: 'Types or their first word, separated by commas: task.failed,run' }),
};
const eventFilter = z.strictObject({
  ...eventFields,
  latest: flag.optional().meta({ description: 'The last events instead of the first after `after`.' }),
  limit: wholeNumber({ min: 1, max: 1000 }).optional(),
});
const eventStreamFilter = z.strictObject(eventFields);
const onePool = z.strictObject({ pool: nameInPath });
const poolBody = z.strictObject({ slots: z.int().min(1).max(1_000_000), dryRun });
const oneToken = z.strictObject({ token: nameInPath });
const tokenBody = z.strictObject({
  name: z.string().trim().min(1).max(100),
  scopes: z.array(z.enum(scopes)).min(1).max(scopes.length),
  dryRun,
});

export const inputs = {
  getHealth: {},
  getStatus: { query: statusQuery },

  listPipelines: {},
  getPipeline: { params: onePipeline },
  getGraph: { params: onePipeline, query: graphQuery },
  getMatrix: { params: onePipeline, query: matrixQuery },
  getPlan: { params: onePipeline, query: planQuery },
  refreshListings: { params: onePipeline },
  pausePipeline: { params: onePipeline, body: onlyDryRun },
  unpausePipeline: { params: onePipeline, body: onlyDryRun },

  listRuns: { query: runFilter },
  triggerRun: { body: triggerBody },
  changeRuns: { body: changeRunsBody },
  getRun: { params: oneRun },
  getGantt: { params: oneRun },
  cancelRun: { params: oneRun, body: onlyDryRun },
  retryRun: { params: oneRun, body: retryBody },
  resumeRun: { params: oneRun, body: onlyDryRun },

  listTasks: { params: oneRun, query: taskFilter },
  getTask: { params: oneTask, query: element },
  listAttempts: { params: oneTask, query: element },
  retryTask: { params: oneTask, query: element, body: onlyDryRun },
  markTaskSucceeded: { params: oneTask, query: element, body: onlyDryRun },
  skipTask: { params: oneTask, query: element, body: onlyDryRun },
  changeTasks: { body: changeTasksBody },

  readLogs: { params: oneRun, query: logFilter },
  getFirstError: { params: oneRun, query: attemptChoice },
  downloadLogs: { params: oneRun, query: logStreamFilter },
  followLogs: { params: oneRun, query: logStreamFilter },

  listBackfills: { query: backfillFilter },
  createBackfill: { body: backfillBody },
  getBackfill: { params: oneBackfill },
  pauseBackfill: { params: oneBackfill, body: onlyDryRun },
  resumeBackfill: { params: oneBackfill, body: onlyDryRun },
  cancelBackfill: { params: oneBackfill, body: onlyDryRun },

  listEvents: { query: eventFilter },
  followEvents: { query: eventStreamFilter },

  listPools: {},
  setPool: { params: onePool, body: poolBody },
  listWorkers: {},

  listTokens: {},
  createToken: { body: tokenBody },
  revokeToken: { params: oneToken, body: onlyDryRun },
} as const satisfies Readonly<Record<OperationId, OperationInputs>>;

export function inputsOf(id: OperationId): OperationInputs {
  return inputs[id];
}
