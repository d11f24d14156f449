import { SparkifyError } from '../../core/errors.ts';
import { EPOCH_MS_MIN } from '../../pipeline/column.ts';
import type { PipelineGraph } from '../../pipeline/graph.ts';
import type { Interval } from '../../pipeline/interval.ts';
import type { StoreReader } from '../store/store.ts';
import type { PipelineRow } from '../store/tables.ts';
import { keptCoverage } from './coverage.ts';
import type { Plan, PlanRequest } from './plan.ts';
import { planCells } from './plan-cells.ts';
import { type PlanRange, planGrid } from './plan-grid.ts';
import { readFacts } from './read-facts.ts';

/**
 * A plan of a pipeline's cells from what the store knows; nothing is changed, and nothing but the store is asked.
 * @throws PIPELINE_UNKNOWN, PIPELINE_BROKEN, TASK_UNKNOWN, INTERVAL_INVALID, INTERVAL_OFF_GRID, PLAN_INTERVAL_NEEDED, PLAN_TOO_LARGE,
 *   PLAN_ORDER_INVALID, USAGE
 */
export async function makePlan(
  db: StoreReader,
  pipeline: string,
  request: PlanRequest & PlanRange,
  nowMs: number,
): Promise<Plan> {
  const { row, graph } = await currentGraph(db, pipeline);
  const startless = graph.schedule?.startless === true && request.fromMs === undefined;
  const earliestMs = startless ? await earliestKnown(db, row) : undefined;
  const grid = planGrid(graph, request, { nowMs, earliestMs });
  return planCells(grid, await readFacts(db, row, graph, spanOf(grid.intervals), nowMs), request);
}

function spanOf(intervals: readonly Interval[]): Interval {
  return { startMs: intervals[0]?.startMs ?? 0, endMs: intervals.at(-1)?.endMs ?? 0 };
}

async function currentGraph(
  db: StoreReader,
  pipeline: string,
): Promise<{ readonly row: PipelineRow; readonly graph: PipelineGraph }> {
  const row = await db.selectFrom('pipelines').selectAll().where('name', '=', pipeline).executeTakeFirst();
  const version = await db
    .selectFrom('pipeline_versions')
    .select('graph_json')
    .where('pipeline', '=', pipeline)
    .where('version', '=', row?.version ?? '')
    .executeTakeFirst();
  if (row !== undefined && version === undefined) {
    // It never loaded, so nothing is known of its tasks.
    const detail =
      row.error_json === null
        ? 'no version of it is known'
        : (JSON.parse(row.error_json) as { message: string }).message;
    throw new SparkifyError('PIPELINE_BROKEN', { pipeline, detail });
  }
  if (row === undefined || version === undefined) {
    const known = await db
      .selectFrom('pipelines')
      .select('name')
      .where('state', '<>', 'gone')
      .orderBy('name')
      .execute();
    throw new SparkifyError('PIPELINE_UNKNOWN', { pipeline, known: known.map((p) => p.name) });
  }
  return { row, graph: JSON.parse(version.graph_json) as PipelineGraph };
}

/** The earliest time that was published, tried, or has an object; a publish of all time says nothing of when it began. */
async function earliestKnown(db: StoreReader, row: PipelineRow): Promise<number | undefined> {
  const tried = await db
    .selectFrom('cells')
    .select((e) => e.fn.min('start_ms').as('at'))
    .where('pipeline', '=', row.name)
    .where('start_ms', '>', EPOCH_MS_MIN)
    .executeTakeFirst();
  const listed = await db
    .selectFrom('pending_lots')
    .select((e) => e.fn.min('start_ms').as('at'))
    .where('pipeline', '=', row.name)
    .where('change', '<>', 'gone')
    .executeTakeFirst();
  const covered = keptCoverage(row)?.intervals.find((i) => i.startMs > EPOCH_MS_MIN)?.startMs;
  const known = [tried?.at, listed?.at, covered].flatMap((at) => (at === null || at === undefined ? [] : [Number(at)]));
  return known.length === 0 ? undefined : Math.min(...known);
}
