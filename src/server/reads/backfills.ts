import { z } from 'zod';
import {
  type BackfillSummary,
  cellsOfBackfill,
  findBackfill,
  listBackfills,
} from '../../orchestrator/backfill/read-backfills.ts';
import { formatInterval } from '../../pipeline/interval.ts';
import type { Answer, Call } from '../api.ts';
import { boundedCount } from './count.ts';
import { cursorOf, idCursor, readCursor } from './cursor.ts';
import { failureOf } from './failure.ts';
import { requestOf } from './runs.ts';

type Backfill = Answer<'listBackfills'>['items'][number];

const names = z.array(z.string());

export function backfillOf({ row, counts, waits }: BackfillSummary): Backfill {
  return {
    id: row.id,
    pipeline: row.pipeline,
    version: row.version,
    interval: formatInterval({ startMs: row.start_ms, endMs: row.end_ms }),
    startMs: row.start_ms,
    endMs: row.end_ms,
    scope: row.scope,
    tasks: row.tasks_json === null ? null : names.parse(JSON.parse(row.tasks_json)),
    newestFirst: row.newest_first === 1,
    maxActive: row.max_active,
    priority: row.priority,
    state: row.state,
    counts,
    waits: waits ?? null,
    request: requestOf(row.request_json),
    createdAtMs: row.created_at_ms,
    finishedAtMs: row.finished_at_ms,
    requestedBy: row.requested_by,
    error: failureOf(row.error_json),
  };
}

export async function listBackfillPage({ store, query }: Call<'listBackfills'>): Promise<Answer<'listBackfills'>> {
  const { pipeline, limit } = query;
  const before = readCursor(idCursor, query.cursor)?.[0];
  let all = store.db.selectFrom('backfills').select('id');
  if (pipeline !== undefined) all = all.where('pipeline', '=', pipeline);
  const page = await listBackfills(store.db, {
    limit: limit + 1,
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(before === undefined ? {} : { before }),
  });
  const items = page.slice(0, limit).map(backfillOf);
  return {
    items,
    nextCursor: page.length > limit ? cursorOf([items.at(-1)!.id]) : null,
    total: await boundedCount(all),
  };
}

export async function getBackfill({ store, params }: Call<'getBackfill'>): Promise<Answer<'getBackfill'>> {
  const found = await findBackfill(store.db, params.backfill);
  const cells = await cellsOfBackfill(store.db, params.backfill);
  return {
    ...backfillOf(found),
    cells: cells.map((c) => ({
      startMs: c.startMs,
      endMs: c.endMs,
      state: c.state,
      run: c.runId ?? null,
      reason: c.reason ?? null,
    })),
  };
}
