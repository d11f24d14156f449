import { objectName } from '../../operators/source-look.ts';
import type { PipelineGraph } from '../../pipeline/graph.ts';
import type { Interval } from '../../pipeline/interval.ts';
import type { RunRequest } from '../model/run-request.ts';
import type { StoreReader } from '../store/store.ts';
import type { PipelineRow } from '../store/tables.ts';
import type { ActiveRun, Outcome, PendingObject } from './cell.ts';
import { keptCoverage } from './coverage.ts';
import { readLots } from './pending-lots.ts';
import type { ListingState, PlanFacts, PromisedCell } from './plan.ts';
import { taskRoles } from './task-roles.ts';

/** What the store knows of a pipeline within the span, all of it read now. */
export async function readFacts(
  db: StoreReader,
  row: PipelineRow,
  graph: PipelineGraph,
  span: Interval,
  nowMs: number,
): Promise<PlanFacts> {
  const [pending, outcomes, active, listings, promised] = await Promise.all([
    readPending(db, row.name, span),
    readOutcomes(db, graph, span),
    readActive(db, row.name, span),
    readListings(db, row.name),
    readPromised(db, row.name, span),
  ]);
  return { graph, coverage: keptCoverage(row), pending, outcomes, active, nowMs, listings, promised };
}

/** In the order of stagings and names. */
async function readPending(db: StoreReader, pipeline: string, span: Interval): Promise<readonly PendingObject[]> {
  const lots = await readLots(db, pipeline, { within: span });
  const objects = lots.flatMap(({ staging, root, change, start_ms, end_ms, listed_at_ms, objects }) => {
    const period = start_ms === null || end_ms === null ? undefined : { startMs: start_ms, endMs: end_ms };
    return objects.map(
      ([uri, , sizeBytes, , name]): PendingObject => ({
        staging,
        uri: root + uri,
        name: name ?? objectName(root, root + uri),
        change,
        period,
        sizeBytes,
        listedAtMs: listed_at_ms,
      }),
    );
  });
  return lots.length < 2 ? objects : objects.sort((a, b) => inOrder(a.staging, b.staging) || inOrder(a.uri, b.uri));
}

function inOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Of tasks on the data only what went wrong: what is done, C says. */
async function readOutcomes(db: StoreReader, graph: PipelineGraph, span: Interval): Promise<readonly Outcome[]> {
  const roles = taskRoles(graph);
  const functions = graph.tasks.flatMap((t, i) => (roles[i] === 'data' ? [] : [t.name]));
  const tasks = graph.tasks.map((t) => t.name);
  const rows = await db
    .selectFrom('cells')
    .select(['task', 'start_ms', 'end_ms', 'state', 'run_id', 'at_ms', 'reason'])
    .where('pipeline', '=', graph.pipeline)
    // Nobody asks for tasks of older versions; and a list of tasks is found by the primary key, without a look at each row.
    .where('task', 'in', tasks)
    .where('start_ms', '<', span.endMs)
    .where('end_ms', '>', span.startMs)
    .where((e) =>
      functions.length === 0
        ? e('state', '<>', 'succeeded')
        : e.or([e('state', '<>', 'succeeded'), e('task', 'in', functions)]),
    )
    .execute();
  return rows.map((r) => ({
    task: r.task,
    startMs: r.start_ms,
    endMs: r.end_ms,
    state: r.state,
    runId: r.run_id,
    atMs: r.at_ms,
    reason: r.reason ?? undefined,
  }));
}

/** Runs that are to change something: not those that only compute and show. */
async function readActive(db: StoreReader, pipeline: string, span: Interval): Promise<readonly ActiveRun[]> {
  const rows = await db
    .selectFrom('runs')
    .select(['id', 'state', 'start_ms', 'end_ms', 'request_json'])
    .where('pipeline', '=', pipeline)
    .where('state', 'in', ['queued', 'running', 'cancelling'])
    .where('start_ms', '<', span.endMs)
    .where('end_ms', '>', span.startMs)
    .execute();
  return rows.flatMap((r): readonly ActiveRun[] => {
    const { dryRun, only, tasks } = JSON.parse(r.request_json) as RunRequest;
    if (dryRun === true || only !== undefined) return [];
    const { id, start_ms: startMs, end_ms: endMs } = r;
    return [{ id, state: r.state as ActiveRun['state'], startMs, endMs, tasks }];
  });
}

async function readListings(db: StoreReader, pipeline: string): Promise<readonly ListingState[]> {
  const rows = await db
    .selectFrom('listings')
    .selectAll()
    .where('pipeline', '=', pipeline)
    .orderBy('staging')
    .execute();
  return rows.map((r) => ({
    staging: r.staging,
    wholeAtMs: r.whole_at_ms ?? undefined,
    lookedAtMs: r.listed_at_ms,
    within: r.start_ms === null || r.end_ms === null ? undefined : { startMs: r.start_ms, endMs: r.end_ms },
    objects: r.objects,
    error: r.error_json === null ? undefined : (JSON.parse(r.error_json) as NonNullable<ListingState['error']>),
  }));
}

/** Cells that a backfill has yet to begin. */
async function readPromised(db: StoreReader, pipeline: string, span: Interval): Promise<readonly PromisedCell[]> {
  const rows = await db
    .selectFrom('backfill_cells as c')
    .innerJoin('backfills as b', 'b.id', 'c.backfill_id')
    .select(['c.backfill_id', 'c.start_ms', 'c.end_ms'])
    .where('b.pipeline', '=', pipeline)
    .where('b.state', 'in', ['running', 'paused'])
    .where('c.state', '=', 'planned')
    .where('c.start_ms', '<', span.endMs)
    .where('c.end_ms', '>', span.startMs)
    .execute();
  return rows.map((r) => ({ backfillId: r.backfill_id, startMs: r.start_ms, endMs: r.end_ms }));
}
