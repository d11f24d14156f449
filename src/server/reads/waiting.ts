import { loadWaitingFacts } from '../../orchestrator/runs/waiting-facts.ts';
import { whyRunWaits } from '../../orchestrator/runs/why-not.ts';
import type { StoreReader } from '../../orchestrator/store/store.ts';
import { formatInterval } from '../../pipeline/interval.ts';
import type { Answer } from '../api.ts';

type Concern = Answer<'getStatus'>['waiting'][number];

/** Of runs that wait for the same (a backfill's, a schedule's) so many are told, and of all so many. */
const ALIKE = 5;
const TOLD = 50;
const LOOKED_AT = 1000;

/** Runs that do not get on, each with the reason; of many alike the first ones. */
export async function waitingConcerns(
  db: StoreReader,
  pipelines: readonly string[],
  nowMs: number,
): Promise<readonly Concern[]> {
  const rows = await db
    .selectFrom('runs')
    .select(['id', 'pipeline', 'kind', 'backfill_id'])
    .where('state', 'in', ['queued', 'running', 'cancelling'])
    .where('pipeline', 'in', [...pipelines, ''])
    .orderBy('priority')
    .orderBy('due_at_ms')
    .orderBy('id')
    .limit(LOOKED_AT)
    .execute();
  const alike = new Map<string, number>();
  const chosen = rows.filter((r) => {
    const key = JSON.stringify([r.pipeline, r.kind, r.backfill_id]);
    alike.set(key, (alike.get(key) ?? 0) + 1);
    return alike.get(key)! <= ALIKE;
  });
  const ids = chosen.slice(0, TOLD).map((r) => r.id);
  const facts = await loadWaitingFacts(db, ids, nowMs);
  return ids.flatMap((id): readonly Concern[] => {
    const found = facts.get(id);
    const why = found === undefined ? undefined : whyRunWaits(found);
    if (found === undefined || why === undefined) return [];
    const { run } = found;
    return [
      {
        pipeline: run.pipeline,
        run: run.id,
        task: null,
        sinceMs: run.started_at_ms ?? run.created_at_ms,
        why: `${formatInterval({ startMs: run.start_ms, endMs: run.end_ms })}: ${why}.`,
        remedy: null,
      },
    ];
  });
}
