import { SparkifyError } from '../../core/errors.ts';
import type { BackfillCellState } from '../model/states.ts';
import type { StoreReader } from '../store/store.ts';
import type { BackfillRow } from '../store/tables.ts';

/** A backfill and how far it has come. */
export interface BackfillSummary {
  readonly row: Omit<BackfillRow, 'id'> & { readonly id: number };
  readonly counts: Readonly<Record<BackfillCellState, number>>;
  /** Why it does not get on although it is not paused; undefined when it does. */
  readonly waits: string | undefined;
}

export interface BackfillCellReport {
  readonly startMs: number;
  readonly endMs: number;
  readonly state: BackfillCellState;
  /** Its latest run. */
  readonly runId: number | undefined;
  /** Why it failed, else why it was planned. */
  readonly reason: string | undefined;
}

export interface ListBackfills {
  readonly pipeline?: string;
  /** Only those with a smaller number. */
  readonly before?: number;
  readonly limit: number;
}

/** Backfills, newest first. */
export async function listBackfills(db: StoreReader, list: ListBackfills): Promise<readonly BackfillSummary[]> {
  let query = db.selectFrom('backfills').selectAll().orderBy('id', 'desc').limit(list.limit);
  if (list.pipeline !== undefined) query = query.where('pipeline', '=', list.pipeline);
  if (list.before !== undefined) query = query.where('id', '<', list.before);
  return summarise(db, await query.execute());
}

/** @throws BACKFILL_UNKNOWN */
export async function findBackfill(db: StoreReader, id: number): Promise<BackfillSummary> {
  const rows = await db.selectFrom('backfills').selectAll().where('id', '=', id).execute();
  const [found] = await summarise(db, rows);
  if (found === undefined) throw new SparkifyError('BACKFILL_UNKNOWN', { backfill: id });
  return found;
}

/** Its cells in the order of time. */
export async function cellsOfBackfill(db: StoreReader, id: number): Promise<readonly BackfillCellReport[]> {
  const rows = await db
    .selectFrom('backfill_cells as c')
    .leftJoin('runs as r', 'r.id', 'c.run_id')
    .select(['c.start_ms', 'c.end_ms', 'c.state', 'c.run_id', 'c.reason', 'r.error_json'])
    .where('c.backfill_id', '=', id)
    .orderBy('c.start_ms')
    .execute();
  return rows.map((r) => ({
    startMs: r.start_ms,
    endMs: r.end_ms,
    state: r.state,
    runId: r.run_id ?? undefined,
    reason: (r.state === 'failed' ? messageOf(r.error_json) : undefined) ?? r.reason ?? undefined,
  }));
}

async function summarise(
  db: StoreReader,
  rows: readonly BackfillSummary['row'][],
): Promise<readonly BackfillSummary[]> {
  if (rows.length === 0) return [];
  const counted = await db
    .selectFrom('backfill_cells')
    .select((e) => ['backfill_id', 'state', e.fn.countAll<number | string>().as('n')])
    .where(
      'backfill_id',
      'in',
      rows.map((r) => r.id),
    )
    .groupBy(['backfill_id', 'state'])
    .execute();
  const pipelines = await db.selectFrom('pipelines').select(['name', 'state']).execute();
  const states = new Map(pipelines.map((p) => [p.name, p.state]));
  return rows.map((row) => {
    const counts: Record<BackfillCellState, number> = { planned: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
    for (const c of counted) if (c.backfill_id === row.id) counts[c.state] = Number(c.n);
    return {
      row,
      counts,
      waits: row.state === 'running' ? waitsFor(row.pipeline, states.get(row.pipeline)) : undefined,
    };
  });
}

function waitsFor(pipeline: string, state: string | undefined): string | undefined {
  if (state === 'active') return undefined;
  return state === 'broken'
    ? `the definition of ${pipeline} does not load`
    : `the project has no pipeline ${pipeline} any more`;
}

function messageOf(json: string | null): string | undefined {
  return json === null ? undefined : (JSON.parse(json) as { message?: string }).message;
}
