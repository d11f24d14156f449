import { makePlan } from '../../orchestrator/cells/make-plan.ts';
import type { StoreReader } from '../../orchestrator/store/store.ts';
import type { PipelineRow } from '../../orchestrator/store/tables.ts';
import { formatInterval, type Interval } from '../../pipeline/interval.ts';
import type { Answer } from '../api.ts';

type Concern = Answer<'getStatus'>['stale'][number];

/** Intervals that are published and no longer as their objects or the definition have them; one concern a reason. */
export async function staleConcerns(db: StoreReader, row: PipelineRow, nowMs: number): Promise<readonly Concern[]> {
  if (row.state !== 'active' || !(await mayBeStale(db, row))) return [];
  const plan = await makePlan(db, row.name, { scope: 'stale' }, nowMs);
  const byReason = new Map<string, Interval[]>();
  for (const { cells, startMs, endMs } of plan.cells) {
    const stale = cells.find((c) => c.state === 'stale');
    if (stale === undefined) continue;
    const intervals = byReason.get(stale.reason);
    if (intervals === undefined) byReason.set(stale.reason, [{ startMs, endMs }]);
    else intervals.push({ startMs, endMs });
  }
  return [...byReason].map(([reason, intervals]) => ({
    pipeline: row.name,
    run: null,
    task: null,
    sinceMs: plan.coverage?.atMs ?? null,
    why: `${formatInterval(intervals[0]!)}${more(intervals.length - 1)}: ${reason}.`,
    remedy: plan.blocked?.remedy ?? `sparkify plan ${row.name} --scope stale`,
  }));
}

/** A plan is only made where something speaks for it. */
async function mayBeStale(db: StoreReader, row: PipelineRow): Promise<boolean> {
  if (row.coverage_json === null) return false;
  if (row.coverage_definition !== null && row.coverage_definition !== row.semantic_version) return true;
  const pending = await db
    .selectFrom('pending_lots')
    .select('lot')
    .where('pipeline', '=', row.name)
    .where('change', '<>', 'gone')
    .limit(1)
    .executeTakeFirst();
  return pending !== undefined;
}

function more(count: number): string {
  if (count === 0) return '';
  return count === 1 ? ' and another interval' : ` and ${count} more intervals`;
}
