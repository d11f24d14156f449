import type { StoreEvent } from '../events/event.ts';
import type { StoreValue } from './store.ts';

export const INSERT_EVENT =
  'insert into events (at_ms, type, pipeline, run_id, task_id, body_json) values ($1, $2, $3, $4, $5, $6)';

/** The values of `INSERT_EVENT`. */
export function eventValues(event: StoreEvent, atMs: number): StoreValue[] {
  const {
    pipeline = null,
    runId = null,
    taskId = null,
  } = event as Partial<Record<'pipeline', string> & Record<'runId' | 'taskId', number>>;
  return [atMs, event.type, pipeline, runId, taskId, JSON.stringify(event)];
}
