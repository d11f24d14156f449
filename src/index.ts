/** What a project imports: the builders of pipelines and the shape of `sparkify.config.ts`. No side effects. */
export { z } from 'zod';
export { defineConfig, type SparkifyConfig } from './cli/define-config.ts';
export { isSparkifyError, SparkifyError } from './core/errors.ts';
export { type Analysis, type Check, check, type Severity } from './pipeline/check.ts';
export { col, EPOCH_MS_MAX, EPOCH_MS_MIN, read, type StagingColumn, type StarColumn } from './pipeline/column.ts';
export { createTables, loadDimension, loadFact, loadSql, publish, quality, stage } from './pipeline/data-tasks.ts';
export {
  definePipeline,
  type Pipeline,
  type PipelineBody,
  type ResolvedPipeline,
  resolvePipeline,
} from './pipeline/define.ts';
export type { Duration } from './pipeline/duration.ts';
export type { FunctionContext, Giving, LogLevel, SensorLook, ThreadContext } from './pipeline/function-context.ts';
export { branch, call, mapped, marker, sensor, thread, waitForObjects } from './pipeline/function-tasks.ts';
export { ALL_TIME, formatInterval, type Interval, parseInterval } from './pipeline/interval.ts';
export type { JsonValue } from './pipeline/json-value.ts';
export type { RetryOptions } from './pipeline/retry.ts';
export { cron, every, type Moment, type ScheduleOptions } from './pipeline/schedule.ts';
export { emptyLast, epochMs, nullLast, withoutQuotes } from './pipeline/sql.ts';
export {
  type Calendar,
  CONTENT_HASH,
  calendar,
  type Dimension,
  dimension,
  type Fact,
  fact,
  type Lookup,
  type OrderBy,
  type SqlTable,
  type Staging,
  type StarTable,
  sqlTable,
  staging,
} from './pipeline/tables.ts';
export { chain, group, type Task, type TaskDeclaration, type TaskSet, together } from './pipeline/task.ts';
export type { TaskDefaults, TaskOptions } from './pipeline/task-options.ts';
