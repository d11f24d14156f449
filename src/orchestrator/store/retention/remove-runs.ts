import type { Store, StoreReader } from '../store.ts';
import { BATCH, type Bounds, CANDIDATES, UNFINISHED_BACKFILLS } from './bounds.ts';
import { isRead } from './remove-events.ts';

const ENDED = ['succeeded', 'failed', 'cancelled'] as const;

/** One batch of old runs with all that is theirs; their numbers. */
export async function removeRuns(store: Store, bounds: Bounds): Promise<readonly number[]> {
  const candidates = await removableRuns(store.db, bounds);
  const ids: number[] = [];
  let tasks = 0;
  for (const run of candidates) {
    ids.push(run.id);
    tasks += run.tasks;
    if (tasks >= BATCH) break;
  }
  if (ids.length === 0) return [];
  return store.write(async ({ db }) => {
    // Asked again: somebody may just have begun to retry it. Its tasks and attempts go with it.
    const removed = await db
      .deleteFrom('runs')
      .where('id', 'in', ids)
      .where('state', 'in', ENDED)
      .where('finished_at_ms', '<', bounds.runsBeforeMs)
      .returning('id')
      .execute();
    const gone = removed.map((run) => run.id);
    if (gone.length > 0) await db.deleteFrom('events').where('run_id', 'in', gone).where(isRead).execute();
    return gone;
  });
}

function removableRuns(
  db: StoreReader,
  { runsBeforeMs, keep }: Bounds,
): Promise<readonly { readonly id: number; readonly tasks: number }[]> {
  return db
    .selectFrom('runs as r')
    .select('r.id')
    .select((e) =>
      e
        .selectFrom('tasks as t')
        .select((c) => c.fn.countAll<number>().as('count'))
        .whereRef('t.run_id', '=', 'r.id')
        .$asScalar()
        .$notNull()
        .as('tasks'),
    )
    .where('r.finished_at_ms', '<', runsBeforeMs)
    .where('r.state', 'in', ENDED)
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom('backfills as b')
            .select('b.id')
            .whereRef('b.id', '=', 'r.backfill_id')
            .where('b.state', 'in', UNFINISHED_BACKFILLS),
        ),
      ),
    )
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom('cells as c')
            .select('c.run_id')
            .whereRef('c.run_id', '=', 'r.id')
            .where('c.state', 'not in', ['succeeded', 'skipped']),
        ),
      ),
    )
    .where('r.id', '<', (e) =>
      e
        .selectFrom('runs as n')
        .select('n.id')
        .whereRef('n.pipeline', '=', 'r.pipeline')
        .orderBy('n.id', 'desc')
        .limit(1)
        .offset(keep - 1)
        .$asScalar(),
    )
    .orderBy('r.finished_at_ms')
    .limit(CANDIDATES)
    .execute();
}
