import { z } from 'zod';
import type { OperationId } from '../operations.ts';
import * as backfills from './backfills.ts';
import { inputs, type OperationInputs } from './inputs.ts';
import * as logs from './logs.ts';
import * as pipelines from './pipelines.ts';
import * as plans from './plans.ts';
import * as runs from './runs.ts';
import * as system from './system.ts';

/** What an operation takes and gives. Objects are strict: a field that is not named here is refused. */
export interface OperationContract extends OperationInputs {
  /** Of a stream: one message. */
  readonly answer: z.ZodType;
  /** @default 200 */
  readonly status?: 201;
}

export const contract = {
  getHealth: { answer: system.health },
  getStatus: { ...inputs.getStatus, answer: system.status },

  listPipelines: { answer: pipelines.pipelines },
  getPipeline: { ...inputs.getPipeline, answer: pipelines.pipeline },
  getGraph: { ...inputs.getGraph, answer: pipelines.graph },
  getMatrix: { ...inputs.getMatrix, answer: pipelines.matrix },
  getPlan: { ...inputs.getPlan, answer: plans.plan },
  refreshListings: { ...inputs.refreshListings, answer: pipelines.refreshed },
  pausePipeline: { ...inputs.pausePipeline, answer: pipelines.pauseChange },
  unpausePipeline: { ...inputs.unpausePipeline, answer: pipelines.pauseChange },

  listRuns: { ...inputs.listRuns, answer: runs.runs },
  triggerRun: { ...inputs.triggerRun, answer: runs.run, status: 201 },
  changeRuns: { ...inputs.changeRuns, answer: runs.runOutcomes },
  getRun: { ...inputs.getRun, answer: runs.run },
  getGantt: { ...inputs.getGantt, answer: runs.gantt },
  cancelRun: { ...inputs.cancelRun, answer: runs.runChange },
  retryRun: { ...inputs.retryRun, answer: runs.runChange },
  resumeRun: { ...inputs.resumeRun, answer: runs.runChange },

  listTasks: { ...inputs.listTasks, answer: runs.tasks },
  getTask: { ...inputs.getTask, answer: runs.taskWithValues },
  listAttempts: { ...inputs.listAttempts, answer: runs.attempts },
  retryTask: { ...inputs.retryTask, answer: runs.taskChange },
  markTaskSucceeded: { ...inputs.markTaskSucceeded, answer: runs.taskChange },
  skipTask: { ...inputs.skipTask, answer: runs.taskChange },
  changeTasks: { ...inputs.changeTasks, answer: runs.taskOutcomes },

  readLogs: { ...inputs.readLogs, answer: logs.logPage },
  getFirstError: { ...inputs.getFirstError, answer: logs.firstErrorLine },
  downloadLogs: { ...inputs.downloadLogs, answer: z.string() },
  followLogs: { ...inputs.followLogs, answer: logs.logItem },

  listBackfills: { ...inputs.listBackfills, answer: backfills.backfills },
  createBackfill: { ...inputs.createBackfill, answer: backfills.newBackfill },
  getBackfill: { ...inputs.getBackfill, answer: backfills.backfillWithCells },
  pauseBackfill: { ...inputs.pauseBackfill, answer: backfills.backfillChange },
  resumeBackfill: { ...inputs.resumeBackfill, answer: backfills.backfillChange },
  cancelBackfill: { ...inputs.cancelBackfill, answer: backfills.backfillChange },

  listEvents: { ...inputs.listEvents, answer: system.events },
  followEvents: { ...inputs.followEvents, answer: system.event },

  listPools: { answer: system.pools },
  setPool: { ...inputs.setPool, answer: system.pool },
  listWorkers: { answer: system.workers },

  listTokens: { answer: system.tokens },
  createToken: { ...inputs.createToken, answer: system.newToken, status: 201 },
  revokeToken: { ...inputs.revokeToken, answer: system.token },
} as const satisfies Readonly<Record<OperationId, OperationContract>>;

export function contractOf(id: OperationId): OperationContract {
  return contract[id];
}
