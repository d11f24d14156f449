import { z } from 'zod';
import type { StoreReader } from '../../orchestrator/store/store.ts';
import { SILENT_MS } from '../../orchestrator/worker/registry.ts';
import type { Answer, Call } from '../api.ts';

export async function listWorkers({ store, nowMs }: Call<'listWorkers'>): Promise<Answer<'listWorkers'>> {
  const rows = await store.db.selectFrom('workers').selectAll().orderBy('started_at_ms').orderBy('id').execute();
  const running = await store.db
    .selectFrom('tasks')
    .select((eb) => ['worker', eb.fn.countAll().as('n')])
    .where('state', '=', 'running')
    .groupBy('worker')
    .execute();
  const counts = new Map(running.map((r) => [r.worker, Number(r.n)]));
  return {
    items: rows.map((w) => ({
      id: w.id,
      kind: w.kind,
      host: w.host,
      pid: w.pid,
      queues: z.array(z.string()).parse(JSON.parse(w.queues_json)),
      slots: w.slots,
      running: counts.get(w.id) ?? 0,
      startedAtMs: w.started_at_ms,
      heartbeatAtMs: w.heartbeat_at_ms,
      alive: nowMs - w.heartbeat_at_ms < SILENT_MS,
    })),
  };
}

/** The `up` that was heard of last. */
export async function schedulerHeartbeat(
  db: StoreReader,
  nowMs: number,
): Promise<{ readonly alive: boolean; readonly heartbeatAtMs: number | null; readonly worker: string | null }> {
  const row = await db
    .selectFrom('workers')
    .select(['id', 'heartbeat_at_ms'])
    .where('kind', '=', 'up')
    .orderBy('heartbeat_at_ms', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) return { alive: false, heartbeatAtMs: null, worker: null };
  return {
    alive: nowMs - row.heartbeat_at_ms < SILENT_MS,
    heartbeatAtMs: row.heartbeat_at_ms,
    worker: row.id,
  };
}

export async function someWorkerLives(db: StoreReader, nowMs: number): Promise<boolean> {
  const row = await db
    .selectFrom('workers')
    .select('id')
    .where('heartbeat_at_ms', '>', nowMs - SILENT_MS)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
