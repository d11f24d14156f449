import { z } from 'zod';
import { SparkifyError } from '../../core/errors.ts';
import type { StoreReader } from '../../orchestrator/store/store.ts';
import type { StoredRun } from '../../orchestrator/store/tables.ts';
import { formatInterval } from '../../pipeline/interval.ts';
import type { Answer, Call } from '../api.ts';
import { boundedCount } from './count.ts';
import { cursorOf, idCursor, readCursor } from './cursor.ts';
import { failureOf } from './failure.ts';
import { instantOf } from './instant.ts';

type Run = Answer<'getRun'>;

const request = z.object({ params: z.record(z.string(), z.unknown()).default({}) }).loose();

/** What stands in a `request_json` of the store. */
export function requestOf(json: string): Run['request'] {
  const { params, ...rest } = request.parse(JSON.parse(json));
  return { ...rest, params };
}

export function runOf(row: StoredRun, nowMs: number): Run {
  return {
    id: row.id,
    pipeline: row.pipeline,
    version: row.version,
    kind: row.kind,
    backfill: row.backfill_id,
    interval: formatInterval({ startMs: row.start_ms, endMs: row.end_ms }),
    startMs: row.start_ms,
    endMs: row.end_ms,
    state: row.state,
    priority: row.priority,
    request: requestOf(row.request_json),
    dueAtMs: row.due_at_ms,
    createdAtMs: row.created_at_ms,
    startedAtMs: row.started_at_ms,
    finishedAtMs: row.finished_at_ms,
    durationMs: durationOf(row, nowMs),
    deadlineMs: row.deadline_ms,
    late: row.late === 1,
    unfinished: row.unfinished,
    failures: row.failures,
    error: failureOf(row.error_json),
    report: row.report_json === null ? null : (JSON.parse(row.report_json) as unknown),
    requestedBy: row.requested_by,
  };
}

/** From the start to the end, or to now; null before the start. */
export function durationOf(
  row: { readonly started_at_ms: number | null; readonly finished_at_ms: number | null },
  nowMs: number,
): number | null {
  if (row.started_at_ms === null) return null;
  return Math.max(0, (row.finished_at_ms ?? nowMs) - row.started_at_ms);
}

/** @throws RUN_UNKNOWN */
export async function findRun(db: StoreReader, id: number): Promise<StoredRun> {
  const row = await db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw new SparkifyError('RUN_UNKNOWN', { run: id });
  return row;
}

export async function listRuns({ store, query, nowMs }: Call<'listRuns'>): Promise<Answer<'listRuns'>> {
  const { limit } = query;
  const before = readCursor(idCursor, query.cursor)?.[0];
  let rows = store.db.selectFrom('runs');
  if (query.pipeline !== undefined) rows = rows.where('pipeline', '=', query.pipeline);
  if (query.state !== undefined) rows = rows.where('state', 'in', query.state);
  if (query.kind !== undefined) rows = rows.where('kind', 'in', query.kind);
  if (query.backfill !== undefined) rows = rows.where('backfill_id', '=', query.backfill);
  if (query.late !== undefined) rows = rows.where('late', '=', query.late ? 1 : 0);
  if (query.from !== undefined) rows = rows.where('end_ms', '>', instantOf(query.from, 'query.from'));
  if (query.to !== undefined) rows = rows.where('start_ms', '<', instantOf(query.to, 'query.to'));
  const total = await boundedCount(rows.select('id'));
  const page = await (before === undefined ? rows : rows.where('id', '<', before))
    .selectAll()
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  const items = page.slice(0, limit).map((row) => runOf(row, nowMs));
  return { items, nextCursor: page.length > limit ? cursorOf([items.at(-1)!.id]) : null, total };
}
