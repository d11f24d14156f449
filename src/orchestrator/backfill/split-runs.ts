import type { Interval } from '../../pipeline/interval.ts';
import type { RunGraphs } from '../runs/run-graph.ts';
import { listOf, sqlWords } from '../runs/sql-words.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { StoredBackfill } from './backfill-step.ts';
import { isDataError } from './data-errors.ts';
import { makeRuns } from './start-cells.ts';

/**
 * Cells that failed as one run are done one by one, so that a bad one keeps nobody else back; how many runs that makes. The
 * run that failed stays as it is.
 */
export async function splitRuns(tx: StoreTransaction, graphs: RunGraphs, backfill: StoredBackfill): Promise<number> {
  const failed = await tx.all<{ run_id: number; error_json: string | null }>(
    `select c.run_id, r.error_json from backfill_cells c join runs r on r.id = c.run_id
     where c.backfill_id = $1 and c.state = 'failed' and r.state = 'failed'
     group by c.run_id, r.error_json having count(*) > 1 order by c.run_id`,
    [backfill.id],
  );
  const ids = failed.filter((r) => isDataError(codeOf(r.error_json))).map((r) => r.run_id);
  if (ids.length === 0) return 0;
  const rows = await tx.all<{ start_ms: number; end_ms: number }>(
    `select start_ms, end_ms from backfill_cells where backfill_id = $2 and run_id ${sqlWords(tx.capabilities).amongIds('$1')}
     order by position, start_ms`,
    [listOf(ids), backfill.id],
  );
  const cells = rows.map((r): readonly Interval[] => [{ startMs: r.start_ms, endMs: r.end_ms }]);
  return makeRuns(tx, graphs, backfill, backfill.newest_first === 1 ? cells.toReversed() : cells);
}

function codeOf(error: string | null): string | undefined {
  return error === null ? undefined : (JSON.parse(error) as { readonly code?: string }).code;
}
