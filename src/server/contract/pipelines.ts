import { z } from 'zod';
import { allOf, failure, instantMs, orNull, whenMs } from './common.ts';
import { run } from './runs.ts';

export const schedule = z
  .strictObject({
    text: z.string().meta({ description: 'As it was written: `0 7 * * *` or `every 12 hours`.' }),
    cron: z.string().nullable(),
    everyMs: z.int().nullable(),
    timeZone: z.string(),
    startMs: whenMs.meta({ description: 'null: from when it is first seen.' }),
    endMs: whenMs,
    missed: z.enum(['all', 'latest', 'none']),
  })
  .meta({ id: 'Schedule' });

const latestRun = z
  .strictObject({
    id: z.int(),
    kind: run.shape.kind,
    state: run.shape.state,
    startMs: instantMs,
    endMs: instantMs,
    durationMs: z.int().nullable(),
  })
  .meta({ id: 'LatestRun' });

export const pipeline = z
  .strictObject({
    name: z.string(),
    doc: z.string(),
    state: z.enum(['active', 'broken', 'gone']),
    paused: z.boolean(),
    version: z.string(),
    semanticVersion: z.string(),
    error: orNull(failure).meta({ description: 'Why its definition cannot be loaded.' }),
    schedule: orNull(schedule),
    nextRun: z.strictObject({ dueAtMs: instantMs, startMs: instantMs, endMs: instantMs }).nullable(),
    scheduledToMs: whenMs.meta({
      description: 'Intervals that end at or before this have their run or were passed over.',
    }),
    latestRuns: z.array(latestRun).meta({ description: 'Newest first, at most 30.' }),
    updatedAtMs: instantMs,
  })
  .meta({ id: 'Pipeline' });

export const pipelines = allOf(pipeline, 'PipelineList');

const graphTask = z
  .strictObject({
    name: z.string(),
    kind: z.string(),
    group: z.string().nullable(),
    after: z.array(z.string()),
    trigger: z.enum(['all_succeeded', 'all_done', 'any_failed', 'none_failed']),
    retries: z.strictObject({
      max: z.int(),
      delayMs: z.number(),
      factor: z.number(),
      maxDelayMs: z.number(),
      jitter: z.number(),
    }),
    timeoutMs: z.number().nullable(),
    pool: z.string().nullable(),
    poolSlots: z.int(),
    queue: z.string(),
    priority: z.int(),
    dependsOnPast: z.boolean(),
    data: z.boolean(),
    mapped: z.boolean(),
    sensor: z
      .strictObject({
        everyMs: z.number(),
        timeoutMs: z.number(),
        graceMs: z.number().nullable(),
        onTimeout: z.enum(['fail', 'skip', 'succeed']),
      })
      .nullable(),
    branch: z.boolean(),
  })
  .meta({ id: 'GraphTask' });

export const graph = z
  .strictObject({
    pipeline: z.string(),
    doc: z.string(),
    version: z.string(),
    semanticVersion: z.string(),
    schedule: orNull(schedule),
    deadlineMs: z.number().nullable(),
    maxActiveRuns: z.int(),
    pools: z.record(z.string(), z.int()),
    tasks: z.array(graphTask).meta({ description: 'In topological order.' }),
  })
  .meta({ id: 'Graph' });

/** Runs × tasks. `cells[r][t]` is a letter of `codes`; `.` where the run has no such task. */
export const matrix = z
  .strictObject({
    pipeline: z.string(),
    codes: z.record(z.string(), z.string()).meta({ description: 'State of a task for each letter.' }),
    tasks: z.array(z.string()).meta({ description: 'Columns, in topological order.' }),
    groups: z.array(z.string().nullable()),
    runs: z.array(z.int()).meta({ description: 'Rows, newest interval first.' }),
    states: z.array(z.string()),
    kinds: z.array(z.string()),
    startMs: z.array(z.int()),
    endMs: z.array(z.int()),
    durationMs: z.array(z.int().nullable()),
    cells: z.array(z.string()).meta({ description: 'One text a row, one letter a column.' }),
    retried: z
      .array(z.tuple([z.int(), z.int(), z.int()]))
      .meta({ description: '[row, column, attempts] of the cells that took more than one.' }),
    earlier: z.boolean().meta({ description: 'Whether there are runs before these.' }),
  })
  .meta({ id: 'Matrix' });

export const pauseChange = z.strictObject({ pipeline: z.string(), paused: z.boolean(), changed: z.boolean() }).meta({
  id: 'PauseChange',
});

export const refreshed = allOf(
  z
    .strictObject({
      staging: z.string(),
      objects: z.int().nullable(),
      differing: z.int().nullable().meta({ description: 'Those that are not what is published.' }),
      error: orNull(failure),
    })
    .meta({ id: 'RefreshedListing' }),
  'RefreshedListings',
);
