import { isSparkifyError, SparkifyError } from '../../core/errors.ts';
import type { PipelineGraph } from '../../pipeline/graph.ts';
import type { Interval } from '../../pipeline/interval.ts';
import type { RunRequest } from '../model/run-request.ts';
import { createRuns } from '../runs/create-run.ts';
import type { RunGraphs } from '../runs/run-graph.ts';
import { sqlWords } from '../runs/sql-words.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { StoredBackfill } from './backfill-rows.ts';
import { tellBackfill } from './tell-backfill.ts';

/** Runs that are made in one transaction. */
const AT_ONCE = 100;

/**
 * How many runs to make: besides those that may be under way as many lie ready, so that a free place is taken at once, and
 * they are made several at a time.
 */
export function placesLeft(maxActive: number, open: number): number {
  return open > maxActive + Math.floor(maxActive / 2) ? 0 : 2 * maxActive - open;
}

/** Makes the next runs in order, as many as there are places for. Whether there are places and cells left. */
export async function makeNextRuns(
  tx: StoreTransaction,
  graphs: RunGraphs,
  backfill: StoredBackfill,
): Promise<boolean> {
  const [open] = await tx.all<{ n: number | string }>(
    "select count(distinct run_id) as n from backfill_cells where backfill_id = $1 and state = 'running'",
    [backfill.id],
  );
  const places = placesLeft(backfill.max_active, Number(open!.n));
  if (places <= 0) return false;
  const next = await nextRuns(tx, backfill.id, Math.min(places, AT_ONCE));
  if (next.length === 0) return false;
  try {
    const graph = await graphInForce(tx, graphs, backfill);
    if (graph === undefined) return false;
    await makeRuns(tx, graph, backfill, next);
  } catch (error) {
    // Its tasks or pools are not those of the plan any more; a store that does not answer is asked again.
    if (!isSparkifyError(error) || error.exitCode === 4 || error.code === 'INTERNAL') throw error;
    await failPlanned(tx, backfill.id, error);
    return false;
  }
  return places > next.length && next.length === AT_ONCE;
}

/** The cells of one position, which are one run, as far as they are neighbours: some between them may be done. */
async function nextRuns(tx: StoreTransaction, id: number, limit: number): Promise<readonly (readonly Interval[])[]> {
  const positions = await tx.all<{ position: number }>(
    `select distinct position from backfill_cells where backfill_id = $1 and state = 'planned'
     order by position limit ${limit}`,
    [id],
  );
  if (positions.length === 0) return [];
  const rows = await tx.all<{ start_ms: number; end_ms: number; position: number }>(
    `select start_ms, end_ms, position from backfill_cells
     where backfill_id = $1 and state = 'planned' and position >= $2 and position <= $3 order by position, start_ms`,
    [id, positions[0]!.position, positions.at(-1)!.position],
  );
  const runs: Interval[][] = [];
  let at: number | undefined;
  for (const { start_ms: startMs, end_ms: endMs, position } of rows) {
    const last = runs.at(-1);
    if (position === at && last?.at(-1)?.endMs === startMs) last.push({ startMs, endMs });
    else runs.push([{ startMs, endMs }]);
    at = position;
  }
  return runs.slice(0, limit);
}

/**
 * The version that is in force. Undefined while the pipeline cannot run: the backfill waits until it can.
 * @throws BACKFILL_OUTDATED when it computes something else than what was planned
 */
async function graphInForce(
  tx: StoreTransaction,
  graphs: RunGraphs,
  { id, pipeline, version }: StoredBackfill,
): Promise<PipelineGraph | undefined> {
  const [row] = await tx.all<{ version: string; semantic_version: string; state: string }>(
    'select version, semantic_version, state from pipelines where name = $1',
    [pipeline],
  );
  if (row?.state !== 'active') return undefined;
  const planned = await graphs.of(tx, pipeline, version);
  if (planned.graph.semanticVersion !== row.semantic_version)
    throw new SparkifyError('BACKFILL_OUTDATED', { pipeline, backfill: id });
  return (await graphs.of(tx, pipeline, row.version)).graph;
}

async function makeRuns(
  tx: StoreTransaction,
  graph: PipelineGraph,
  backfill: StoredBackfill,
  runs: readonly (readonly Interval[])[],
): Promise<void> {
  const request = JSON.parse(backfill.request_json) as RunRequest;
  const ids = await createRuns(
    tx,
    runs.map((cells) => ({
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
  const [earlier] = await tx.all('select 1 from runs where backfill_id = $1 and id < $2 limit 1', [
    backfill.id,
    Math.min(...ids),
  ]);
  const cells = runs.flatMap((run, i) => run.map((cell) => ({ id: ids[i]!, start_ms: cell.startMs })));
  await tx.run(
    `update backfill_cells set state = 'running', run_id = v.id
     from ${sqlWords(tx.capabilities).rows('$1', { id: 'bigint', start_ms: 'bigint' })}
     where backfill_cells.backfill_id = $2 and backfill_cells.start_ms = v.start_ms`,
    [JSON.stringify(cells), backfill.id],
  );
  if (earlier === undefined) tellBackfill(tx, 'backfill.started', { ...backfill, cells: cells.length });
}

async function failPlanned(tx: StoreTransaction, id: number, error: SparkifyError): Promise<void> {
  await tx.run(
    "update backfill_cells set state = 'failed', run_id = null, reason = $2 where backfill_id = $1 and state = 'planned'",
    [id, `${error.message} ${error.remedy}`],
  );
}
