import type { BackfillCellState } from '../model/states.ts';
import type { RunGraphs } from '../runs/run-graph.ts';
import type { Store, StoreReader, StoreTransaction } from '../store/store.ts';
import { countCells, lockBackfill, takeEnds } from './backfill-rows.ts';
import { endBackfill } from './end-backfill.ts';
import { splitFailed } from './split-failed.ts';
import { makeNextRuns, placesLeft } from './start-cells.ts';

/**
 * Carries the backfills on: makes the next runs of each; plans the cells of a run that met bad data one by one; ends those
 * that have nothing left. Two schedulers at once do no harm. Writes nothing when nothing is to be done.
 * @returns when to look again: 0 at once, undefined when the store changes
 */
export async function backfillStep(store: Store, graphs: RunGraphs): Promise<number | undefined> {
  const active = await store.db
    .selectFrom('backfills')
    .select(['id', 'state', 'max_active'])
    .where('state', 'in', ['running', 'paused', 'cancelling'])
    .orderBy('id')
    .execute();
  let again = false;
  for (const backfill of active)
    if (await hasWork(store.db, backfill))
      again = (await store.write((tx) => carryOn(tx, graphs, backfill.id))) || again;
  return again ? 0 : undefined;
}

/** Read before anything is locked: most looks find nothing to do. */
async function hasWork(
  db: StoreReader,
  { id, state, max_active }: { readonly id: number; readonly state: string; readonly max_active: number },
): Promise<boolean> {
  const running = await db
    .selectFrom('backfill_cells as c')
    .leftJoin('runs as r', 'r.id', 'c.run_id')
    .select(['c.run_id', 'r.state'])
    .distinct()
    .where('c.backfill_id', '=', id)
    .where('c.state', '=', 'running')
    .execute();
  if (running.some((r) => r.state === null || !['queued', 'running', 'cancelling'].includes(r.state))) return true;
  if (state === 'paused') return running.length === 0 && !(await hasCell(db, id, '<>', 'succeeded'));
  if (!(await hasCell(db, id, '=', 'planned'))) return running.length === 0 || (await hasFailedTogether(db, id));
  return state === 'cancelling' || placesLeft(max_active, running.length) > 0;
}

async function hasCell(db: StoreReader, id: number, is: '=' | '<>', state: BackfillCellState): Promise<boolean> {
  const row = await db
    .selectFrom('backfill_cells')
    .select('position')
    .where('backfill_id', '=', id)
    .where('state', is, state)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

async function hasFailedTogether(db: StoreReader, id: number): Promise<boolean> {
  const row = await db
    .selectFrom('backfill_cells')
    .select('run_id')
    .where('backfill_id', '=', id)
    .where('state', '=', 'failed')
    .where('run_id', 'is not', null)
    .groupBy('run_id')
    .having((e) => e.fn.countAll(), '>', 1)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Whether there is more to do at once. */
async function carryOn(tx: StoreTransaction, graphs: RunGraphs, id: number): Promise<boolean> {
  const backfill = await lockBackfill(tx, id);
  if (!['running', 'paused', 'cancelling'].includes(backfill.state)) return false;
  await takeEnds(tx, id);
  if (backfill.state === 'paused') {
    // Nothing is left that a resume could begin; what failed waits for one.
    const counts = await countCells(tx, id);
    if ([...counts.keys()].some((s) => s !== 'succeeded')) return false;
  }
  let more = false;
  if (backfill.state === 'running') {
    await splitFailed(tx, backfill);
    more = await makeNextRuns(tx, graphs, backfill);
  }
  await endBackfill(tx, backfill);
  return more;
}
