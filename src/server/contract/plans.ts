import { z } from 'zod';
import { planScopes } from '../../orchestrator/cells/plan.ts';
import { failure, instantMs } from './common.ts';

const interval = { startMs: instantMs, endMs: instantMs };
const cellState = z.enum(['done', 'missing', 'failed', 'stale', 'running']);

const cause = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('object'),
    staging: z.string(),
    uri: z.string(),
    name: z.string(),
    change: z.enum(['new', 'changed']),
    more: z.int(),
    dated: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('definition') }),
]);

const cell = z
  .strictObject({
    task: z.string(),
    state: cellState,
    reason: z.string(),
    cause: cause.optional(),
    runId: z.int().optional(),
  })
  .meta({ id: 'Cell' });

const listing = z
  .strictObject({
    staging: z.string(),
    wholeAtMs: instantMs.optional().meta({ description: 'Not there: never listed whole.' }),
    lookedAtMs: instantMs,
    within: z.strictObject(interval).optional(),
    objects: z.int(),
    error: z.strictObject({ code: z.string(), message: z.string(), remedy: z.string() }).optional(),
  })
  .meta({ id: 'Listing' });

/** A `Plan` of the orchestrator as it is; what is undefined there is left out. */
export const plan = z
  .strictObject({
    pipeline: z.string(),
    version: z.string(),
    semanticVersion: z.string(),
    atMs: instantMs,
    interval: z.strictObject(interval).optional(),
    scope: z.enum(planScopes),
    newestFirst: z.boolean(),
    asked: z.array(z.string()).optional(),
    tasks: z.array(z.string()).optional(),
    cells: z.array(
      z.strictObject({ ...interval, head: cell, cells: z.array(cell), chosen: z.boolean() }).meta({ id: 'PlanCell' }),
    ),
    counts: z.record(cellState, z.int()),
    runs: z.array(
      z
        .strictObject({ ...interval, cells: z.array(z.strictObject(interval)), objects: z.int() })
        .meta({ id: 'PlannedRun' }),
    ),
    reads: z.strictObject({
      objects: z.int(),
      sizeBytes: z.number(),
      first: z.array(
        z.strictObject({
          staging: z.string(),
          name: z.string(),
          change: z.enum(['new', 'changed']),
          sizeBytes: z.number(),
        }),
      ),
    }),
    coverage: z.strictObject({ atMs: instantMs, epoch: z.int() }).optional(),
    listings: z.array(listing),
    blocked: failure.optional(),
    notes: z.array(z.string()),
  })
  .meta({ id: 'Plan' });
