import { SparkifyError } from '../../core/errors.ts';
import { formatInterval } from '../../pipeline/interval.ts';
import type { StoreTransaction } from '../store/store.ts';
import { countCells, moveBackfill, type StoredBackfill } from './backfill-rows.ts';
import { tellBackfill } from './tell-backfill.ts';

/** Ends a backfill of which no cell is planned or running any more. Gives its state then; undefined when it goes on. */
export async function endBackfill(
  tx: StoreTransaction,
  backfill: StoredBackfill,
): Promise<'succeeded' | 'failed' | 'cancelled' | undefined> {
  const { id } = backfill;
  const [open] = await tx.all(
    "select 1 from backfill_cells where backfill_id = $1 and state in ('planned', 'running') limit 1",
    [id],
  );
  if (open !== undefined) return undefined;
  const counts = await countCells(tx, id);
  const failed = counts.get('failed') ?? 0;
  const cancelled = counts.get('cancelled') ?? 0;
  const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
  // Whoever cancels wants to know that it is cancelled; otherwise a failure says more.
  const asCancelled = cancelled > 0 && (failed === 0 || backfill.state === 'cancelling');
  const state = asCancelled ? 'cancelled' : failed > 0 ? 'failed' : 'succeeded';
  await moveBackfill(tx, backfill, state, state === 'failed' ? await firstFailure(tx, id, failed, total) : undefined);
  const cells = { succeeded: total, failed, cancelled }[state];
  tellBackfill(tx, 'backfill.ended', { ...backfill, state, cells });
  return state;
}

async function firstFailure(
  tx: StoreTransaction,
  backfill: number,
  failed: number,
  cells: number,
): Promise<SparkifyError> {
  const [first] = await tx.all<{ start_ms: number; end_ms: number; reason: string | null; error_json: string | null }>(
    `select c.start_ms, c.end_ms, c.reason, r.error_json from backfill_cells c left join runs r on r.id = c.run_id
     where c.backfill_id = $1 and c.state = 'failed' order by c.position, c.start_ms limit 1`,
    [backfill],
  );
  const error = first?.error_json == null ? undefined : (JSON.parse(first.error_json) as { message?: string });
  return new SparkifyError('BACKFILL_FAILED', {
    backfill,
    failed,
    cells,
    first: formatInterval({ startMs: first!.start_ms, endMs: first!.end_ms }),
    detail: error?.message ?? first?.reason ?? 'its run is gone',
  });
}
