import { isSparkifyError, SparkifyError } from '../../core/errors.ts';
import { formatInterval, type Interval } from '../../pipeline/interval.ts';
import type { RunRequest } from '../model/run-request.ts';
import { createRuns, type NewRun } from '../runs/create-run.ts';
import type { RunGraph, RunGraphs } from '../runs/run-graph.ts';
import type { Store, StoreReader, StoreTransaction } from '../store/store.ts';
import { lockBackfill, type StoredBackfill, takeEnds } from './backfill-rows.ts';
import { endBackfill } from './end-backfill.ts';
import { splitFailed } from './split-failed.ts';
import { tellBackfill } from './tell-backfill.ts';

/**
 * Carries the backfills on: makes the next runs of each, as many as it may have at a time; does the cells of a run that met
 * bad data one by one; ends those that have nothing left. Two schedulers at once do no harm. Changes nothing when nothing is
 * to be done.
 * @returns when to look again: only when the store changes
 */
export async function backfillStep(store: Store, graphs: RunGraphs): Promise<undefined> {
  const active = await store.db
    .selectFrom('backfills')
    .select(['id', 'state', 'max_active'])
    .where('state', 'in', ['running', 'cancelling'])
    .orderBy('id')
    .execute();
  for (const backfill of active)
    if (await hasWork(store.db, backfill)) await store.write((tx) => carryOn(tx, graphs, backfill.id));
  return undefined;
}

/** Read before anything is locked: most looks find nothing to do. */
async function hasWork(
  db: StoreReader,
  { id, state, max_active }: { readonly id: number; readonly state: string; readonly max_active: number },
): Promise<boolean> {
  const cells = db.selectFrom('backfill_cells as c').where('c.backfill_id', '=', id);
  const running = await cells
    .leftJoin('runs as r', 'r.id', 'c.run_id')
    .select(['c.run_id', 'r.state'])
    .distinct()
    .where('c.state', '=', 'running')
    .execute();
  if (running.some((r) => r.state === null || !['queued', 'running', 'cancelling'].includes(r.state))) return true;
  const planned = await cells.select('c.position').where('c.state', '=', 'planned').limit(1).executeTakeFirst();
  if (planned === undefined) return running.length === 0 || (await hasFailedTogether(db, id));
  return state === 'cancelling' || running.length < max_active;
}

async function hasFailedTogether(db: StoreReader, id: number): Promise<boolean> {
  const row = await db
    .selectFrom('backfill_cells')
    .select('position')
    .where('backfill_id', '=', id)
    .where('state', '=', 'failed')
    .groupBy('position')
    .having((e) => e.fn.countAll(), '>', 1)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

async function carryOn(tx: StoreTransaction, graphs: RunGraphs, id: number): Promise<void> {
  const backfill = await lockBackfill(tx, id);
  if (backfill.state !== 'running' && backfill.state !== 'cancelling') return;
  await takeEnds(tx, id);
  if (backfill.state === 'running') {
    await splitFailed(tx, backfill);
    await startNext(tx, graphs, backfill);
  }
  await endBackfill(tx, backfill);
}

interface NextRun extends Interval {
  readonly cells: Interval[];
}

async function startNext(tx: StoreTransaction, graphs: RunGraphs, backfill: StoredBackfill): Promise<void> {
  const [active] = await tx.all<{ n: number | string }>(
    "select count(distinct run_id) as n from backfill_cells where backfill_id = $1 and state = 'running'",
    [backfill.id],
  );
  const places = backfill.max_active - Number(active!.n);
  if (places <= 0) return;
  const next = await nextRuns(tx, backfill.id, places);
  if (next.length === 0) return;
  const graph = await graphInForce(tx, graphs, backfill);
  if (graph === undefined) return;
  if (graph instanceof SparkifyError) return failPlanned(tx, backfill.id, graph);
  const request = JSON.parse(backfill.request_json) as RunRequest;
  const runs = next.map(
    ({ startMs, endMs, cells }): NewRun => ({
      graph: graph.graph,
      kind: 'backfill',
      interval: { startMs, endMs },
      ...(cells.length > 1 ? { cells } : {}),
      request,
      priority: backfill.priority,
      dueAtMs: tx.nowMs,
      requestedBy: backfill.requested_by,
      backfillId: backfill.id,
    }),
  );
  let ids: readonly number[];
  try {
    ids = await createRuns(tx, runs);
  } catch (error) {
    // Its tasks or pools are not those of the plan any more; a store that does not answer is tried again.
    if (!isSparkifyError(error) || error.exitCode === 4 || error.code === 'INTERNAL') throw error;
    return failPlanned(tx, backfill.id, error);
  }
  const first = await isFirst(tx, backfill.id, ids[0]!);
  for (const [i, { startMs, endMs }] of next.entries())
    await tx.run(
      `update backfill_cells set state = 'running', run_id = $4
       where backfill_id = $1 and state = 'planned' and start_ms >= $2 and end_ms <= $3`,
      [backfill.id, startMs, endMs, ids[i]!],
    );
  if (first)
    tellBackfill(tx, 'backfill.started', {
      ...backfill,
      cells: next.reduce((sum, { cells }) => sum + cells.length, 0),
    });
}

/** The next runs in order: cells of one position are one run. */
async function nextRuns(tx: StoreTransaction, id: number, limit: number): Promise<readonly NextRun[]> {
  const positions = await tx.all<{ position: number }>(
    `select distinct position from backfill_cells where backfill_id = $1 and state = 'planned'
     order by position limit ${limit}`,
    [id],
  );
  if (positions.length === 0) return [];
  const cells = await tx.all<{ start_ms: number; end_ms: number; position: number }>(
    `select start_ms, end_ms, position from backfill_cells
     where backfill_id = $1 and state = 'planned' and position >= $2 and position <= $3 order by position, start_ms`,
    [id, positions[0]!.position, positions.at(-1)!.position],
  );
  const runs: (NextRun & { readonly position: number })[] = [];
  for (const { start_ms: startMs, end_ms: endMs, position } of cells) {
    const last = runs.at(-1);
    if (last?.position !== position) runs.push({ startMs, endMs, position, cells: [{ startMs, endMs }] });
    else {
      last.cells.push({ startMs, endMs });
      runs[runs.length - 1] = { ...last, endMs };
    }
  }
  return runs;
}

/**
 * The version that is in force, if it computes what was planned. Undefined while the pipeline cannot run: the backfill waits
 * until it can.
 */
async function graphInForce(
  tx: StoreTransaction,
  graphs: RunGraphs,
  { id, pipeline, version }: StoredBackfill,
): Promise<RunGraph | SparkifyError | undefined> {
  const [row] = await tx.all<{ version: string; semantic_version: string; state: string }>(
    'select version, semantic_version, state from pipelines where name = $1',
    [pipeline],
  );
  if (row?.state !== 'active') return undefined;
  const planned = await graphs.of(tx, pipeline, version);
  if (planned.graph.semanticVersion !== row.semantic_version)
    return new SparkifyError('BACKFILL_OUTDATED', { pipeline, backfill: id });
  return graphs.of(tx, pipeline, row.version);
}

async function failPlanned(tx: StoreTransaction, id: number, error: SparkifyError): Promise<void> {
  await tx.run(
    "update backfill_cells set state = 'failed', run_id = null, reason = $2 where backfill_id = $1 and state = 'planned'",
    [id, `${error.message} ${error.remedy}`],
  );
}

async function isFirst(tx: StoreTransaction, id: number, runId: number): Promise<boolean> {
  const [earlier] = await tx.all('select 1 from runs where backfill_id = $1 and id < $2 limit 1', [id, runId]);
  return earlier === undefined;
}
