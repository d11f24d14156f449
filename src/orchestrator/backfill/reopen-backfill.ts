import type { StoreTransaction } from '../store/store.ts';
import { tellBackfill } from './tell-backfill.ts';

/** A run of the backfill has been taken up again by hand: its cells run, and the backfill with them, if it had ended. */
export async function reopenBackfill(tx: StoreTransaction, id: number, runId: number, by: string): Promise<void> {
  const cells = await tx.run("update backfill_cells set state = 'running' where backfill_id = $1 and run_id = $2", [
    id,
    runId,
  ]);
  if (cells === 0) return;
  const [reopened] = await tx.all<{ pipeline: string }>(
    `update backfills set state = 'running', finished_at_ms = null, error_json = null
     where id = $1 and state in ('failed', 'cancelled') returning pipeline`,
    [id],
  );
  if (reopened !== undefined)
    tellBackfill(tx, 'backfill.resumed', { id, pipeline: reopened.pipeline, state: 'running', cells, by });
}
