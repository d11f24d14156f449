import type { JsonValue } from '../../pipeline/json-value.ts';
import type { StoreReader } from '../store/store.ts';

/** The value that a task of a run gave; of a mapped task, the values of its elements in their order. */
export async function givenValue(db: StoreReader, runId: number, task: string): Promise<JsonValue | undefined> {
  const rows = await db
    .selectFrom('tasks')
    .select(['map_index', 'output_json'])
    .where('run_id', '=', runId)
    .where('task', '=', task)
    .orderBy('map_index')
    .execute();
  const elements = rows.filter((r) => r.map_index >= 0);
  if (elements.length > 0) return elements.map((r) => parsed(r.output_json) ?? null);
  return parsed(rows[0]?.output_json ?? null);
}

function parsed(json: string | null): JsonValue | undefined {
  return json === null ? undefined : (JSON.parse(json) as JsonValue);
}
