import { SparkifyError } from '../../core/errors.ts';
import { type BackfillState, backfillTransitions } from '../model/states.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { BackfillRow } from '../store/tables.ts';

export type StoredBackfill = Pick<
  BackfillRow,
  'pipeline' | 'version' | 'newest_first' | 'max_active' | 'priority' | 'state' | 'request_json' | 'requested_by'
> & { readonly id: number };

/** The backfill, held until the transaction ends. @throws BACKFILL_UNKNOWN */
export async function lockBackfill(tx: StoreTransaction, id: number): Promise<StoredBackfill> {
  const [row] = await tx.all<StoredBackfill>(
    `select id, pipeline, version, newest_first, max_active, priority, state, request_json, requested_by
     from backfills where id = $1${tx.capabilities.skipLocked ? ' for update' : ''}`,
    [id],
  );
  if (row === undefined) throw new SparkifyError('BACKFILL_UNKNOWN', { backfill: id });
  return row;
}

/** Takes it to another state, along the drawing in model/states.ts. */
export async function moveBackfill(
  tx: StoreTransaction,
  backfill: StoredBackfill,
  to: BackfillState,
  error?: { readonly code: string; readonly message: string; readonly remedy: string },
): Promise<void> {
  if (!backfillTransitions[backfill.state].includes(to))
    throw new SparkifyError('INTERNAL', {
      detail: `backfill ${backfill.id} cannot go from ${backfill.state} to ${to}`,
    });
  const ended = to === 'succeeded' || to === 'failed' || to === 'cancelled';
  await tx.run('update backfills set state = $2, finished_at_ms = $3, error_json = $4 where id = $1', [
    backfill.id,
    to,
    ended ? tx.nowMs : null,
    error === undefined ? null : JSON.stringify({ code: error.code, message: error.message, remedy: error.remedy }),
  ]);
}

/** How many of its cells are in each state. */
export async function countCells(tx: StoreTransaction, id: number): Promise<ReadonlyMap<string, number>> {
  const rows = await tx.all<{ state: string; n: number | string }>(
    'select state, count(*) as n from backfill_cells where backfill_id = $1 group by state',
    [id],
  );
  return new Map(rows.map((r) => [r.state, Number(r.n)]));
}

/** Cells whose run has ended without their being told: it was cancelled before it began, or is gone. */
export async function takeEnds(tx: StoreTransaction, id: number): Promise<void> {
  await tx.run(
    `update backfill_cells set state = coalesce((select r.state from runs r where r.id = backfill_cells.run_id), 'failed')
     where backfill_id = $1 and state = 'running' and not exists (
       select 1 from runs r where r.id = backfill_cells.run_id and r.state in ('queued', 'running', 'cancelling'))`,
    [id],
  );
}
