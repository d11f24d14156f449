import { z } from 'zod';
import { planScopes } from '../../orchestrator/cells/plan.ts';
import { type BackfillState, backfillTransitions } from '../../orchestrator/model/states.ts';
import { failure, instantMs, orNull, pageOf, whenMs } from './common.ts';
import { plan } from './plans.ts';
import { runRequest } from './runs.ts';

const states = Object.keys(backfillTransitions) as [BackfillState, ...BackfillState[]];
const cellStates = ['planned', 'running', 'succeeded', 'failed', 'cancelled'] as const;

export const backfill = z
  .strictObject({
    id: z.int(),
    pipeline: z.string(),
    version: z.string(),
    interval: z.string().meta({ description: 'For people; startMs and endMs say the same.' }),
    startMs: instantMs,
    endMs: instantMs,
    scope: z.enum(planScopes),
    tasks: z.array(z.string()).nullable().meta({ description: 'Those that were asked for; null: all.' }),
    newestFirst: z.boolean(),
    maxActive: z.int(),
    priority: z.int(),
    state: z.enum(states),
    counts: z.record(z.enum(cellStates), z.int()).meta({ description: 'Cells by state.' }),
    waits: z.string().nullable().meta({ description: 'Why it does not get on although it is not paused.' }),
    request: runRequest,
    createdAtMs: instantMs,
    finishedAtMs: whenMs,
    requestedBy: z.string(),
    error: orNull(failure),
  })
  .meta({ id: 'Backfill' });

export const backfills = pageOf(backfill, 'BackfillPage');

export const backfillWithCells = z
  .strictObject({
    ...backfill.shape,
    cells: z
      .array(
        z.strictObject({
          startMs: instantMs,
          endMs: instantMs,
          state: z.enum(cellStates),
          run: z.int().nullable().meta({ description: 'Its latest run.' }),
          reason: z.string().nullable().meta({ description: 'Why it failed, else why it was planned.' }),
        }),
      )
      .meta({ description: 'In the order of time: a heatmap.' }),
  })
  .meta({ id: 'BackfillWithCells' });

export const newBackfill = z
  .strictObject({
    backfill: orNull(backfill).meta({ description: 'null: there is nothing to do, or it was a dry run.' }),
    plan,
  })
  .meta({ id: 'BackfillCreated' });

export const backfillChange = z
  .strictObject({ backfill, changed: z.boolean(), dryRun: z.boolean() })
  .meta({ id: 'BackfillChange' });
