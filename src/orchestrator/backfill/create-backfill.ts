import { SparkifyError } from '../../core/errors.ts';
import { formatInterval, type Interval } from '../../pipeline/interval.ts';
import type { Plan } from '../cells/plan.ts';
import type { RunRequest } from '../model/run-request.ts';
import { sqlWords } from '../runs/sql-words.ts';
import type { StoreTransaction } from '../store/store.ts';

export interface BackfillOptions {
  /** What every run of it is asked besides its tasks, which the plan says. @default nothing */
  readonly request?: Omit<RunRequest, 'tasks' | 'only'>;
  /** Runs that are under way at once. @default 4 */
  readonly maxActive?: number;
  readonly requestedBy: string;
}

/** Behind persons (0) and schedules (10). */
export const BACKFILL_PRIORITY = 20;

const DEFAULT_MAX_ACTIVE = 4;

/**
 * Freezes a plan: these cells in this order, whatever is listed or published later. Gives the backfill's id; undefined when
 * the plan has nothing to do.
 * @throws REBUILD_FIRST, BACKFILL_OVERLAPS when another backfill has planned one of its cells since, USAGE
 */
export async function createBackfill(
  tx: StoreTransaction,
  plan: Plan,
  options: BackfillOptions,
): Promise<number | undefined> {
  const { maxActive = DEFAULT_MAX_ACTIVE, requestedBy } = options;
  if (!Number.isSafeInteger(maxActive) || maxActive < 1)
    throw new SparkifyError('USAGE', {
      detail: `A backfill cannot have ${maxActive} runs under way at once.`,
      fix: 'Give --max-active a whole number from 1 on.',
    });
  if (plan.blocked !== undefined) throw new SparkifyError('REBUILD_FIRST', { pipeline: plan.pipeline });
  const cells = plan.runs.flatMap((run, position) => run.cells.map((cell) => ({ position, ...cell })));
  if (cells.length === 0) return undefined;
  const words = sqlWords(tx.capabilities);
  // Of two plans of one moment the second one must see the first.
  await tx.all(`select name from pipelines where name = $1${words.forUpdate}`, [plan.pipeline]);
  await requireFree(tx, plan, cells);
  const [row] = await tx.all<{ id: number }>(
    `insert into backfills (pipeline, version, start_ms, end_ms, scope, tasks_json, newest_first, max_active, priority, state,
       request_json, created_at_ms, requested_by)
     values ($1, $2, $3, $4, $5, $6, $7, $8, ${BACKFILL_PRIORITY}, 'running', $9, $10, $11) returning id`,
    [
      plan.pipeline,
      plan.version,
      Math.min(...cells.map((c) => c.startMs)),
      Math.max(...cells.map((c) => c.endMs)),
      plan.scope,
      plan.asked === undefined ? null : JSON.stringify(plan.asked),
      plan.newestFirst ? 1 : 0,
      maxActive,
      JSON.stringify(requestOf(plan, options)),
      tx.nowMs,
      requestedBy,
    ],
  );
  const id = row!.id;
  const columns = { start_ms: 'bigint', end_ms: 'bigint', position: 'bigint' } as const;
  await tx.run(
    `insert into backfill_cells (backfill_id, start_ms, end_ms, position, state)
     select cast($2 as bigint), v.start_ms, v.end_ms, v.position, 'planned' from ${words.rows('$1', columns)}`,
    [JSON.stringify(cells.map((c) => ({ start_ms: c.startMs, end_ms: c.endMs, position: c.position }))), id],
  );
  tx.emit({
    type: 'backfill.created',
    pipeline: plan.pipeline,
    backfillId: id,
    state: 'running',
    cells: cells.length,
    by: requestedBy,
  });
  return id;
}

function requestOf(plan: Plan, { request }: BackfillOptions): RunRequest {
  return { params: {}, ...request, ...(plan.tasks === undefined ? {} : { tasks: plan.tasks }) };
}

async function requireFree(tx: StoreTransaction, plan: Plan, cells: readonly Interval[]): Promise<void> {
  const promised = await tx.all<{ backfill_id: number; start_ms: number; end_ms: number }>(
    `select c.backfill_id, c.start_ms, c.end_ms from backfill_cells c join backfills b on b.id = c.backfill_id
     where b.pipeline = $1 and b.state in ('running', 'paused') and c.state = 'planned' and c.start_ms < $2 and c.end_ms > $3
     order by c.start_ms`,
    [plan.pipeline, Math.max(...cells.map((c) => c.endMs)), Math.min(...cells.map((c) => c.startMs))],
  );
  const own = [...cells].sort((a, b) => a.startMs - b.startMs);
  let at = 0;
  for (const other of promised) {
    while (at < own.length && own[at]!.endMs <= other.start_ms) at++;
    const mine = own[at];
    if (mine !== undefined && mine.startMs < other.end_ms)
      throw new SparkifyError('BACKFILL_OVERLAPS', {
        pipeline: plan.pipeline,
        interval: formatInterval(mine),
        other: other.backfill_id,
      });
  }
}
