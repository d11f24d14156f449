import {
  type BackfillChange,
  cancelBackfill,
  pauseBackfill,
  resumeBackfill,
} from '../../orchestrator/backfill/change-backfill.ts';
import { createBackfill } from '../../orchestrator/backfill/create-backfill.ts';
import { findBackfill } from '../../orchestrator/backfill/read-backfills.ts';
import type { RunGraphs } from '../../orchestrator/runs/run-graph.ts';
import type { Store } from '../../orchestrator/store/store.ts';
import type { LoadedPipelines } from '../../orchestrator/worker/definitions.ts';
import type { Answer, Call } from '../api.ts';
import { backfillOf } from '../reads/backfills.ts';
import { planAnswer, planAsked } from '../reads/plans.ts';
import { requireParameters } from './trigger.ts';

/**
 * Freezes the plan that is asked for, or with dryRun only tells it.
 * @throws as `planAsked` and `createBackfill`; PARAMETER_INVALID
 */
export async function makeBackfill(
  loaded: LoadedPipelines,
  { store, body, by, nowMs }: Call<'createBackfill'>,
): Promise<Answer<'createBackfill'>> {
  const { maxActive, params, dryRun, ...asked } = body;
  requireParameters(loaded, body.pipeline, params ?? {});
  const plan = await planAsked(store.db, asked, nowMs, 'body');
  if (dryRun === true) return { backfill: null, plan: planAnswer(plan) };
  const id = await createBackfill(store, plan, {
    requestedBy: by.name,
    ...(maxActive === undefined ? {} : { maxActive }),
    ...(params === undefined ? {} : { request: { params } }),
  });
  const made = id === undefined ? null : backfillOf(await findBackfill(store.db, id));
  return { backfill: made, plan: planAnswer(plan) };
}

export type BackfillAction = 'pause' | 'resume' | 'cancel';

/** @throws BACKFILL_UNKNOWN, BACKFILL_STATE */
export async function changeBackfill(
  store: Store,
  graphs: RunGraphs,
  action: BackfillAction,
  {
    backfill: id,
    by,
    dryRun,
  }: { readonly backfill: number; readonly by: string; readonly dryRun?: boolean | undefined },
): Promise<Answer<'pauseBackfill'>> {
  const { changed } = await act(store, graphs, action, id, by);
  return { backfill: backfillOf(await findBackfill(store.db, id)), changed, dryRun: dryRun === true };
}

function act(store: Store, graphs: RunGraphs, action: BackfillAction, id: number, by: string): Promise<BackfillChange> {
  switch (action) {
    case 'pause':
      return pauseBackfill(store, id, by);
    case 'resume':
      return resumeBackfill(store, id, by);
    case 'cancel':
      return cancelBackfill(store, graphs, id, by);
  }
}
