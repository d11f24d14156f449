import { listOf, sqlWords } from '../runs/sql-words.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { StoredBackfill } from './backfill-rows.ts';
import { isDataError } from './data-errors.ts';

interface FailedCell {
  readonly run_id: number;
  readonly start_ms: number;
  readonly position: number;
}

/**
 * Plans the cells of runs that met bad data again, each by itself and in the place of that run, so that a bad day keeps
 * nobody else back. The run that failed stays as it is.
 */
export async function splitFailed(tx: StoreTransaction, { id, newest_first }: StoredBackfill): Promise<void> {
  const failed = await tx.all<{ run_id: number; error_json: string | null }>(
    `select c.run_id, r.error_json from backfill_cells c join runs r on r.id = c.run_id
     where c.backfill_id = $1 and c.state = 'failed' group by c.run_id, r.error_json having count(*) > 1`,
    [id],
  );
  const codes = new Map(failed.map((r) => [r.run_id, codeOf(r.error_json)]));
  for (const [run, code] of codes) if (!isDataError(code)) codes.delete(run);
  if (codes.size === 0) return;
  const words = sqlWords(tx.capabilities);
  const cells = await tx.all<FailedCell>(
    `select run_id, start_ms, position from backfill_cells
     where backfill_id = $1 and state = 'failed' and run_id ${words.amongIds('$2')}
     order by run_id, start_ms${newest_first === 1 ? ' desc' : ''}`,
    [id, listOf(codes.keys())],
  );
  const numbers = new Map<number, number>();
  const again = cells.map(({ run_id, start_ms, position }) => {
    const number = (numbers.get(run_id) ?? 0) + 1;
    numbers.set(run_id, number);
    const reason = `by itself, because run ${run_id}, of several cells, failed (${codes.get(run_id)})`;
    return { start_ms, position: position + number, reason };
  });
  await tx.run(
    `update backfill_cells set state = 'planned', run_id = null, position = v.position, reason = v.reason
     from ${words.rows('$1', { start_ms: 'bigint', position: 'bigint', reason: 'text' })}
     where backfill_cells.backfill_id = $2 and backfill_cells.start_ms = v.start_ms`,
    [JSON.stringify(again), id],
  );
}

function codeOf(error: string | null): string | undefined {
  return error === null ? undefined : (JSON.parse(error) as { readonly code?: string }).code;
}
