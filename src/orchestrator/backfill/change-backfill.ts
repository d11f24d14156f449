import { SparkifyError } from '../../core/errors.ts';
import type { BackfillState } from '../model/states.ts';
import { cancelRun } from '../runs/cancel-run.ts';
import type { RunGraphs } from '../runs/run-graph.ts';
import type { Store } from '../store/store.ts';
import { countCells, lockBackfill, moveBackfill, takeEnds } from './backfill-rows.ts';
import { endBackfill } from './end-backfill.ts';
import { tellBackfill } from './tell-backfill.ts';

export interface BackfillChange {
  readonly state: BackfillState;
  readonly changed: boolean;
}

/**
 * No run of it begins any more; those under way go on.
 * @throws BACKFILL_UNKNOWN, BACKFILL_STATE
 */
export async function pauseBackfill(store: Store, id: number, by: string): Promise<BackfillChange> {
  return store.write(async (tx) => {
    const backfill = await lockBackfill(tx, id);
    if (backfill.state === 'paused') return { state: 'paused', changed: false };
    if (backfill.state !== 'running')
      throw new SparkifyError('BACKFILL_STATE', { backfill: id, state: backfill.state, action: 'paused' });
    await moveBackfill(tx, backfill, 'paused');
    const cells = (await countCells(tx, id)).get('planned') ?? 0;
    tellBackfill(tx, 'backfill.paused', { ...backfill, state: 'paused', cells, by });
    return { state: 'paused', changed: true };
  });
}

/**
 * Goes on with it. Cells that failed or were cancelled are done again, with runs of their own; what succeeded stays done.
 * @throws BACKFILL_UNKNOWN, BACKFILL_STATE
 */
export async function resumeBackfill(store: Store, id: number, by: string): Promise<BackfillChange> {
  return store.write(async (tx) => {
    const backfill = await lockBackfill(tx, id);
    const { state } = backfill;
    if (state === 'succeeded' || state === 'cancelling')
      throw new SparkifyError('BACKFILL_STATE', { backfill: id, state, action: 'resumed' });
    await takeEnds(tx, id);
    const again = await tx.run(
      `update backfill_cells set state = 'planned', run_id = null
       where backfill_id = $1 and state in ('failed', 'cancelled')`,
      [id],
    );
    if (state === 'running' && again === 0) return { state, changed: false };
    if (state !== 'running') await moveBackfill(tx, backfill, 'running');
    const cells = (await countCells(tx, id)).get('planned') ?? 0;
    tellBackfill(tx, 'backfill.resumed', { ...backfill, state: 'running', cells, by });
    return { state: 'running', changed: true };
  });
}

/**
 * Ends it: planned cells are never begun, runs under way are cancelled. Gives `cancelling` while any of them has yet to end.
 * @throws BACKFILL_UNKNOWN, BACKFILL_STATE
 */
export async function cancelBackfill(store: Store, graphs: RunGraphs, id: number, by: string): Promise<BackfillChange> {
  return store.write(async (tx) => {
    const backfill = await lockBackfill(tx, id);
    if (backfill.state === 'cancelling' || backfill.state === 'cancelled')
      return { state: backfill.state, changed: false };
    if (backfill.state !== 'running' && backfill.state !== 'paused')
      throw new SparkifyError('BACKFILL_STATE', { backfill: id, state: backfill.state, action: 'cancelled' });
    const active = await tx.all<{ id: number }>(
      "select id from runs where backfill_id = $1 and state in ('queued', 'running') order by id",
      [id],
    );
    for (const run of active) await cancelRun(tx, graphs, run.id, { by });
    const cells = await tx.run(
      "update backfill_cells set state = 'cancelled' where backfill_id = $1 and state = 'planned'",
      [id],
    );
    await takeEnds(tx, id);
    await moveBackfill(tx, backfill, 'cancelling');
    tellBackfill(tx, 'backfill.cancelling', { ...backfill, state: 'cancelling', cells, by });
    const ended = await endBackfill(tx, { ...backfill, state: 'cancelling' });
    return { state: ended ?? 'cancelling', changed: true };
  });
}
