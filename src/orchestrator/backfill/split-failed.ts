import type { StoreTransaction } from '../store/store.ts';
import type { StoredBackfill } from './backfill-rows.ts';
import { isDataError } from './data-errors.ts';

/**
 * Plans the cells of runs that met bad data again, each by itself and in the place of that run, so that a bad day keeps
 * nobody else back.
 */
export async function splitFailed(tx: StoreTransaction, { id, newest_first }: StoredBackfill): Promise<void> {
  const runs = await tx.all<{ run_id: number; cells: number; error_json: string | null }>(
    `select c.run_id, count(*) as cells, r.error_json from backfill_cells c join runs r on r.id = c.run_id
     where c.backfill_id = $1 and c.state = 'failed' group by c.run_id, r.error_json having count(*) > 1`,
    [id],
  );
  for (const { run_id, cells, error_json } of runs) {
    const error = error_json === null ? undefined : (JSON.parse(error_json) as { code?: string });
    if (!isDataError(error?.code)) continue;
    // Positions of runs lie far enough apart for those of their cells.
    await tx.run(
      `update backfill_cells set state = 'planned', run_id = null, reason = $3,
         position = position + 1 + (select count(*) from backfill_cells o
           where o.backfill_id = $1 and o.run_id = $2 and o.start_ms ${newest_first === 1 ? '>' : '<'} backfill_cells.start_ms)
       where backfill_id = $1 and run_id = $2 and state = 'failed'`,
      [id, run_id, `by itself, because run ${run_id} over ${Number(cells)} cells failed (${error?.code})`],
    );
  }
}
