import { objectName } from '../../../src/operators/source-look.ts';
import { type Lot, readLots } from '../../../src/orchestrator/cells/pending-lots.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';

/** One object of a lot, with what it shares with the others. */
export interface PendingNow {
  readonly pipeline: string;
  readonly name: string;
  readonly change: Lot['change'];
  readonly listedAtMs: number;
}

/** All that is pending, of all pipelines, by name. */
export async function pendingNow(store: Store): Promise<readonly PendingNow[]> {
  const pipelines = await store.db.selectFrom('pending_lots').select('pipeline').distinct().execute();
  const found: PendingNow[] = [];
  for (const { pipeline } of pipelines)
    for (const { root, change, listed_at_ms: listedAtMs, objects } of await readLots(store.db, pipeline))
      found.push(
        ...objects.map(([uri, , , , name]) => ({
          pipeline,
          name: name ?? objectName(root, root + uri),
          change,
          listedAtMs,
        })),
      );
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
