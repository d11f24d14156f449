import { formatInterval } from '../../pipeline/interval.ts';
import type { Answer, Call } from '../api.ts';
import type { Graphs } from './graphs.ts';

type Concern = Answer<'getStatus'>['waiting'][number];

/** Runs that have not begun, each with the reason. */
export async function concernsOfWaiting(
  { store }: Call<'getStatus'>,
  graphs: Graphs,
  pipelines: readonly string[],
): Promise<readonly Concern[]> {
  const rows = await store.db
    .selectFrom('runs')
    .select(['id', 'pipeline', 'version', 'start_ms', 'end_ms', 'created_at_ms'])
    .where('state', '=', 'queued')
    .where('pipeline', 'in', [...pipelines, ''])
    .orderBy('priority')
    .orderBy('due_at_ms')
    .orderBy('id')
    .limit(100)
    .execute();
  return Promise.all(
    rows.map(async (r): Promise<Concern> => {
      const most = (await graphs.find(store.db, r.pipeline, r.version))?.maxActiveRuns;
      return {
        pipeline: r.pipeline,
        run: r.id,
        task: null,
        sinceMs: r.created_at_ms,
        why: `${formatInterval({ startMs: r.start_ms, endMs: r.end_ms })} waits to be let in: at most ${most ?? 1} at a time.`,
        remedy: null,
      };
    }),
  );
}
