import { z } from 'zod';
import type { OperationId } from '../operations.ts';
import * as backfills from './backfills.ts';
import { onlyDryRun } from './common.ts';
import * as logs from './logs.ts';
import * as pipelines from './pipelines.ts';
import * as plans from './plans.ts';
import * as runs from './runs.ts';
import * as system from './system.ts';

/** What an operation takes and gives. Objects are strict: a field that is not named here is refused. */
export interface OperationContract {
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** Of a stream: one message. */
  readonly answer: z.ZodType;
  /** @default 200 */
  readonly status?: 201;
}

export const contract = {
  getHealth: { answer: system.health },
  getStatus: { query: system.statusQuery, answer: system.status },

  listPipelines: { answer: pipelines.pipelines },
  getPipeline: { params: pipelines.onePipeline, answer: pipelines.pipeline },
  getGraph: { params: pipelines.onePipeline, query: pipelines.graphQuery, answer: pipelines.graph },
  getMatrix: { params: pipelines.onePipeline, query: pipelines.matrixQuery, answer: pipelines.matrix },
  getPlan: { params: pipelines.onePipeline, query: plans.planQuery, answer: plans.plan },
  refreshListings: { params: pipelines.onePipeline, answer: pipelines.refreshed },
  pausePipeline: { params: pipelines.onePipeline, body: onlyDryRun, answer: pipelines.pauseChange },
  unpausePipeline: { params: pipelines.onePipeline, body: onlyDryRun, answer: pipelines.pauseChange },

  listRuns: { query: runs.runFilter, answer: runs.runs },
  triggerRun: { body: runs.triggerBody, answer: runs.run, status: 201 },
  changeRuns: { body: runs.changeRunsBody, answer: runs.runOutcomes },
  getRun: { params: runs.oneRun, answer: runs.run },
  getGantt: { params: runs.oneRun, answer: runs.gantt },
  cancelRun: { params: runs.oneRun, body: onlyDryRun, answer: runs.runChange },
  retryRun: { params: runs.oneRun, body: runs.retryBody, answer: runs.runChange },
  resumeRun: { params: runs.oneRun, body: onlyDryRun, answer: runs.runChange },

  listTasks: { params: runs.oneRun, query: runs.taskFilter, answer: runs.tasks },
  getTask: { params: runs.oneTask, query: runs.element, answer: runs.taskWithValues },
  listAttempts: { params: runs.oneTask, query: runs.element, answer: runs.attempts },
  retryTask: { params: runs.oneTask, query: runs.element, body: onlyDryRun, answer: runs.taskChange },
  markTaskSucceeded: { params: runs.oneTask, query: runs.element, body: onlyDryRun, answer: runs.taskChange },
  skipTask: { params: runs.oneTask, query: runs.element, body: onlyDryRun, answer: runs.taskChange },
  changeTasks: { body: runs.changeTasksBody, answer: runs.taskOutcomes },

  readLogs: { params: runs.oneRun, query: logs.logFilter, answer: logs.logPage },
  getFirstError: { params: runs.oneRun, query: logs.attemptChoice, answer: logs.firstErrorLine },
  downloadLogs: { params: runs.oneRun, query: logs.logStreamFilter, answer: z.string() },
  followLogs: { params: runs.oneRun, query: logs.logStreamFilter, answer: logs.logItem },

  listBackfills: { query: backfills.backfillFilter, answer: backfills.backfills },
  createBackfill: { body: backfills.backfillBody, answer: backfills.newBackfill },
  getBackfill: { params: backfills.oneBackfill, answer: backfills.backfillWithCells },
  pauseBackfill: { params: backfills.oneBackfill, body: onlyDryRun, answer: backfills.backfillChange },
  resumeBackfill: { params: backfills.oneBackfill, body: onlyDryRun, answer: backfills.backfillChange },
  cancelBackfill: { params: backfills.oneBackfill, body: onlyDryRun, answer: backfills.backfillChange },

  listEvents: { query: system.eventFilter, answer: system.events },
  followEvents: { query: system.eventStreamFilter, answer: system.event },

  listPools: { answer: system.pools },
  setPool: { params: system.onePool, body: system.poolBody, answer: system.pool },
  listWorkers: { answer: system.workers },

  listTokens: { answer: system.tokens },
  createToken: { body: system.tokenBody, answer: system.newToken, status: 201 },
  revokeToken: { params: system.oneToken, body: onlyDryRun, answer: system.token },
} as const satisfies Readonly<Record<OperationId, OperationContract>>;

export function contractOf(id: OperationId): OperationContract {
  return contract[id];
}
