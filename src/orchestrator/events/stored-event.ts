import { z } from 'zod';
import type { StoreEvent } from './event.ts';

/** An event as it is read: without the fields that were undefined when it was written. */
export type StoredEvent = StoreEvent extends infer E ? (E extends StoreEvent ? Stored<E> : never) : never;

/** `seq` grows in the order of commits; `at` is in epoch milliseconds. */
type Stored<E> = { readonly seq: number; readonly at: number } & {
  readonly [K in keyof E as undefined extends E[K] ? never : K]: E[K];
} & { readonly [K in keyof E as undefined extends E[K] ? K : never]?: E[K] };

const whole = z.int();
const place = { seq: whole, at: whole };
const failure = z.object({ code: z.string(), message: z.string() });
const ofPipeline = { ...place, pipeline: z.string() };
const ofRun = { ...ofPipeline, runId: whole };
const ofTask = { ...ofRun, taskId: whole, task: z.string(), mapIndex: whole };
const ofAttempt = { ...ofTask, attempt: whole };
const ofBackfill = {
  ...ofPipeline,
  backfillId: whole,
  state: z.string(),
  cells: whole,
  by: z.string().optional(),
};
const ofWorker = { ...place, worker: z.string(), host: z.string(), pid: whole };

const run = [
  z.object({ type: z.literal('run.created'), ...ofRun, kind: z.string(), startMs: whole, endMs: whole }),
  z.object({ type: z.literal('run.started'), ...ofRun }),
  z.object({ type: z.literal('run.succeeded'), ...ofRun, durationMs: z.number(), outcome: z.string().optional() }),
  z.object({ type: z.literal('run.failed'), ...ofRun, durationMs: z.number(), error: failure.optional() }),
  z.object({ type: z.literal(['run.cancelling', 'run.cancelled']), ...ofRun, by: z.string() }),
  z.object({ type: z.literal('run.resumed'), ...ofRun, by: z.string(), fromTask: z.string().optional() }),
  z.object({ type: z.literal('run.late'), ...ofRun, deadlineMs: whole }),
] as const;

const task = [
  z.object({ type: z.literal('task.started'), ...ofAttempt, worker: z.string() }),
  z.object({ type: z.literal('task.succeeded'), ...ofAttempt, durationMs: z.number(), detail: z.string() }),
  z.object({ type: z.literal('task.failed'), ...ofAttempt, durationMs: z.number(), error: failure }),
  z.object({ type: z.literal('task.retrying'), ...ofAttempt, atMs: whole, error: failure }),
  z.object({ type: z.literal('task.crashed'), ...ofAttempt, crashes: whole, worker: z.string() }),
  z.object({
    type: z.literal(['task.skipped', 'task.upstream_failed', 'task.cancelled']),
    ...ofTask,
    reason: z.string(),
  }),
  z.object({ type: z.literal('task.expanded'), ...ofTask, count: whole }),
  z.object({ type: z.literal('task.marked'), ...ofTask, state: z.enum(['succeeded', 'skipped']), by: z.string() }),
] as const;

const rest = [
  z.object({
    type: z.literal([
      'backfill.created',
      'backfill.started',
      'backfill.paused',
      'backfill.resumed',
      'backfill.cancelling',
      'backfill.ended',
    ]),
    ...ofBackfill,
  }),
  z.object({ type: z.literal('pipeline.changed'), ...ofPipeline, version: z.string(), semanticVersion: z.string() }),
  z.object({ type: z.literal('pipeline.broken'), ...ofPipeline, error: failure }),
  z.object({ type: z.literal('pipeline.back'), ...ofPipeline, was: z.enum(['broken', 'gone']) }),
  z.object({
    type: z.literal(['pipeline.gone', 'pipeline.paused', 'pipeline.unpaused']),
    ...ofPipeline,
    by: z.string().optional(),
  }),
  z.object({ type: z.literal('pipeline.recovered'), ...ofRun }),
  z.object({ type: z.literal(['worker.started', 'worker.stopped', 'worker.lost']), ...ofWorker }),
  z.object({ type: z.literal('alert.failed'), ...ofRun, target: z.string(), reason: z.string() }),
  z.object({ type: z.literal('clock.jumped'), ...place, byMs: z.number() }),
] as const;

/** The same for whoever gets events from outside: every type with its fields. */
export const storedEventSchema = z.discriminatedUnion('type', [...run, ...task, ...rest]);
