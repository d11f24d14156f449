import { SparkifyError } from '../../core/errors.ts';
import type { PipelineGraph } from '../../pipeline/graph.ts';
import { formatInterval, type Interval } from '../../pipeline/interval.ts';
import type { Plan } from '../cells/plan.ts';
import { cellSentence } from '../cells/why.ts';
import type { RunRequest } from '../model/run-request.ts';
import { sqlWords } from '../runs/sql-words.ts';
import type { Store, StoreTransaction } from '../store/store.ts';
import { tellBackfill } from './tell-backfill.ts';

export interface BackfillOptions {
  /** Runs that are under way at once. @default the pipeline's maxActiveRuns */
  readonly maxActive?: number;
  readonly requestedBy: string;
  /** What every run of it is asked besides its tasks, which the plan says. @default nothing */
  readonly request?: Partial<Omit<RunRequest, 'tasks' | 'only'>>;
}

/** Behind persons (0) and schedules (10). */
export const BACKFILL_PRIORITY = 20;

/** Between the positions of two runs: those of cells that are done one by one lie there, more than a plan has intervals. */
export const POSITION_STEP = 100_000;

/**
 * Freezes the runs of a plan: these cells in this order, whatever is listed or published later; `backfillStep` carries them
 * out. Gives its id; undefined when the plan has nothing to do.
 * @throws REBUILD_FIRST, PIPELINE_GONE, PIPELINE_BROKEN, BACKFILL_OVERLAPS when another one was made of its cells since, USAGE
 */
export async function createBackfill(store: Store, plan: Plan, options: BackfillOptions): Promise<number | undefined> {
  const { maxActive, requestedBy } = options;
  if (maxActive !== undefined && (!Number.isSafeInteger(maxActive) || maxActive < 1))
    throw new SparkifyError('USAGE', {
      detail: `A backfill cannot have ${maxActive} runs under way at once.`,
      fix: 'Give --max-active a whole number from 1 on.',
    });
  if (plan.runs.length === 0) return undefined;
  if (plan.blocked !== undefined) throw new SparkifyError('REBUILD_FIRST', { pipeline: plan.pipeline });
  const reasons = new Map(plan.cells.map((c) => [c.startMs, cellSentence(c.head)]));
  const cells = plan.runs.flatMap((run, n) =>
    run.cells.map(({ startMs, endMs }) => ({
      start_ms: startMs,
      end_ms: endMs,
      position: n * POSITION_STEP,
      reason: reasons.get(startMs) ?? null,
    })),
  );
  return store.write(async (tx) => {
    const { maxActiveRuns } = await lockPipeline(tx, plan);
    await requireFree(tx, plan);
    const [row] = await tx.all<{ id: number }>(
      `insert into backfills (pipeline, version, start_ms, end_ms, scope, tasks_json, newest_first, max_active, priority, state,
         request_json, created_at_ms, requested_by)
       values ($1, $2, $3, $4, $5, $6, $7, $8, ${BACKFILL_PRIORITY}, 'running', $9, $10, $11) returning id`,
      [
        plan.pipeline,
        plan.version,
        plan.runs.reduce((first, run) => Math.min(first, run.startMs), Number.POSITIVE_INFINITY),
        plan.runs.reduce((last, run) => Math.max(last, run.endMs), 0),
        plan.scope,
        plan.asked === undefined ? null : JSON.stringify(plan.asked),
        Number(plan.newestFirst),
        maxActive ?? maxActiveRuns,
        JSON.stringify(requestOf(plan, options)),
        tx.nowMs,
        requestedBy,
      ],
    );
    const id = row!.id;
    const columns = { start_ms: 'bigint', end_ms: 'bigint', position: 'bigint', reason: 'text' } as const;
    await tx.run(
      `insert into backfill_cells (backfill_id, start_ms, end_ms, position, state, reason)
       select cast($2 as bigint), v.start_ms, v.end_ms, v.position, 'planned', v.reason
       from ${sqlWords(tx.capabilities).rows('$1', columns)}`,
      [JSON.stringify(cells), id],
    );
    const { pipeline } = plan;
    tellBackfill(tx, 'backfill.created', { id, pipeline, state: 'running', cells: cells.length, by: requestedBy });
    return id;
  });
}

function requestOf(plan: Plan, { request }: BackfillOptions): RunRequest {
  return { params: {}, ...request, ...(plan.tasks === undefined ? {} : { tasks: plan.tasks }) };
}

/** Of two plans of one moment the second one sees the first. */
async function lockPipeline(tx: StoreTransaction, { pipeline, version }: Plan): Promise<PipelineGraph> {
  const [row] = await tx.all<{ state: string; error_json: string | null; graph_json: string }>(
    `select p.state, p.error_json, v.graph_json from pipelines p
     join pipeline_versions v on v.pipeline = p.name and v.version = $2
     where p.name = $1${tx.capabilities.skipLocked ? ' for update of p' : ''}`,
    [pipeline, version],
  );
  if (row === undefined || row.state === 'gone') throw new SparkifyError('PIPELINE_GONE', { pipeline });
  if (row.state === 'broken') {
    const error = JSON.parse(row.error_json ?? '{}') as { readonly message?: string };
    throw new SparkifyError('PIPELINE_BROKEN', { pipeline, detail: error.message ?? 'its definition throws' });
  }
  return JSON.parse(row.graph_json) as PipelineGraph;
}

async function requireFree(tx: StoreTransaction, { pipeline, runs }: Plan): Promise<void> {
  const columns = { start_ms: 'bigint', end_ms: 'bigint' } as const;
  const own = runs.map(({ startMs, endMs }: Interval) => ({ start_ms: startMs, end_ms: endMs }));
  const [taken] = await tx.all<{ backfill_id: number; start_ms: number; end_ms: number }>(
    `select c.backfill_id, c.start_ms, c.end_ms
     from backfills b join backfill_cells c on c.backfill_id = b.id and c.state in ('planned', 'running')
     where b.pipeline = $1 and b.state in ('running', 'paused')
       and exists (select 1 from ${sqlWords(tx.capabilities).rows('$2', columns)}
                   where v.start_ms < c.end_ms and v.end_ms > c.start_ms)
     order by c.start_ms limit 1`,
    [pipeline, JSON.stringify(own)],
  );
  if (taken === undefined) return;
  const interval = formatInterval({ startMs: taken.start_ms, endMs: taken.end_ms });
  throw new SparkifyError('BACKFILL_OVERLAPS', { pipeline, interval, other: taken.backfill_id });
}
