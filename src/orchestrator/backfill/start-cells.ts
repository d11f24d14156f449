import type { Interval } from '../../pipeline/interval.ts';
import { MOST_COALESCED } from '../cells/coalesce.ts';
import type { RunRequest } from '../model/run-request.ts';
import { createRuns } from '../runs/create-run.ts';
import type { RunGraphs } from '../runs/run-graph.ts';
import { sqlWords } from '../runs/sql-words.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { StoredBackfill } from './backfill-step.ts';

interface PlannedCell extends Interval {
  readonly position: number;
}

/** Runs that are made in one transaction at most. */
const AT_ONCE = 100;

/** Makes the next `room` runs of planned cells, in their order; how many it made. */
export async function startCells(
  tx: StoreTransaction,
  graphs: RunGraphs,
  backfill: StoredBackfill,
  room: number,
): Promise<number> {
  const runs = Math.min(room, AT_ONCE);
  if (runs <= 0) return 0;
  const limit = runs * MOST_COALESCED;
  const rows = await tx.all<{ start_ms: number; end_ms: number; position: number }>(
    `select start_ms, end_ms, position from backfill_cells where backfill_id = $1 and state = 'planned'
     order by position, start_ms limit ${limit}`,
    [backfill.id],
  );
  const groups = together(
    rows.map((r): PlannedCell => ({ startMs: r.start_ms, endMs: r.end_ms, position: r.position })),
  );
  // The last one may have been cut by the limit.
  if (rows.length === limit && groups.length > 1) groups.pop();
  const [begun] = await tx.all<{ one: number }>(
    'select 1 as one from backfill_cells where backfill_id = $1 and run_id is not null limit 1',
    [backfill.id],
  );
  const made = await makeRuns(tx, graphs, backfill, groups.slice(0, runs));
  if (begun === undefined && made > 0)
    tx.emit({
      type: 'backfill.started',
      pipeline: backfill.pipeline,
      backfillId: backfill.id,
      state: 'running',
      cells: await countCells(tx, backfill.id),
      by: undefined,
    });
  return made;
}

/** One run for each group of cells, which are neighbours; the cells know it from now on. */
export async function makeRuns(
  tx: StoreTransaction,
  graphs: RunGraphs,
  backfill: StoredBackfill,
  groups: readonly (readonly Interval[])[],
): Promise<number> {
  if (groups.length === 0) return 0;
  const { graph } = await graphs.of(tx, backfill.pipeline, backfill.version);
  const request = JSON.parse(backfill.request_json) as RunRequest;
  const ids = await createRuns(
    tx,
    groups.map((cells) => ({
      graph,
      kind: 'backfill',
      interval: { startMs: cells[0]!.startMs, endMs: cells.at(-1)!.endMs },
      ...(cells.length > 1 ? { cells } : {}),
      request,
      priority: backfill.priority,
      dueAtMs: tx.nowMs,
      requestedBy: backfill.requested_by,
      backfillId: backfill.id,
    })),
  );
  const columns = { id: 'bigint', start_ms: 'bigint' } as const;
  await tx.run(
    `update backfill_cells set state = 'running', run_id = v.id, reason = null
     from ${sqlWords(tx.capabilities).rows('$1', columns)}
     where backfill_cells.backfill_id = $2 and backfill_cells.start_ms = v.start_ms`,
    [
      JSON.stringify(groups.flatMap((cells, i) => cells.map((c) => ({ id: ids[i], start_ms: c.startMs })))),
      backfill.id,
    ],
  );
  return groups.length;
}

async function countCells(tx: StoreTransaction, id: number): Promise<number> {
  const [row] = await tx.all<{ n: number }>('select count(*) as n from backfill_cells where backfill_id = $1', [id]);
  return Number(row!.n);
}

/** Cells of one position that are still neighbours: after a resume some between them may be done. */
function together(cells: readonly PlannedCell[]): PlannedCell[][] {
  const groups: PlannedCell[][] = [];
  for (const cell of cells) {
    const last = groups.at(-1)?.at(-1);
    if (last !== undefined && last.position === cell.position && last.endMs === cell.startMs) groups.at(-1)!.push(cell);
    else groups.push([cell]);
  }
  return groups;
}
