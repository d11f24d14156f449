import type { KnownObject } from '../../ledger/objects.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import { sqlWords } from '../runs/sql-words.ts';
import type { Store } from '../store/store.ts';
import type { PendingObjectRow } from '../store/tables.ts';
import { knownVersions, publishedStagings } from './known-versions.ts';

type Pending = Pick<
  PendingObjectRow,
  'staging' | 'uri' | 'change' | 'version' | 'size_bytes' | 'mtime_ms' | 'listed_at_ms'
>;

/**
 * Forgets pending objects whose version is in V by now, whoever published it, and gone ones that were retracted. May be done
 * at any time.
 * @returns how many were forgotten
 */
export async function settlePending(
  store: Store,
  warehouse: Pick<Warehouse, 'read'>,
  pipeline: string,
): Promise<number> {
  const published = await publishedStagings(warehouse, pipeline);
  const rows = await store.db
    .selectFrom('pending_objects')
    .select(['staging', 'uri', 'change', 'version', 'size_bytes', 'mtime_ms', 'listed_at_ms'])
    .where('pipeline', '=', pipeline)
    // Where nothing is published, only what is gone can be settled.
    .where((e) =>
      published.length === 0
        ? e('change', '=', 'gone')
        : e.or([e('staging', 'in', published), e('change', '=', 'gone')]),
    )
    .execute();
  const byStaging = new Map<string, Pending[]>();
  for (const row of rows) {
    const list = byStaging.get(row.staging);
    if (list === undefined) byStaging.set(row.staging, [row]);
    else list.push(row);
  }
  let settled = 0;
  for (const [staging, pending] of byStaging) {
    const known = await knownVersions(warehouse, pipeline, staging);
    const live = new Map(known.filter((k) => k.state === 'live').map((k) => [k.uri, k]));
    const done = pending.filter((row) => isSettled(row, live.get(row.uri)));
    if (done.length === 0) continue;
    settled += done.length;
    const words = sqlWords(store.capabilities);
    const columns = { uri: 'text', size_bytes: 'bigint', listed_at_ms: 'bigint' } as const;
    await store.write((tx) =>
      // Only what was judged: a newer look may have come between.
      tx.run(
        // A list, not EXISTS: the embedded store would go through the parameter once a row.
        `delete from pending_objects where pipeline = $1 and staging = $2
         and (uri, size_bytes, listed_at_ms) in (select v.uri, v.size_bytes, v.listed_at_ms from ${words.tuples('$3', columns)})`,
        [pipeline, staging, JSON.stringify(done.map((row) => [row.uri, row.size_bytes, row.listed_at_ms]))],
      ),
    );
  }
  return settled;
}

function isSettled(row: Pending, live: KnownObject | undefined): boolean {
  if (row.change === 'gone') return live === undefined;
  if (live === undefined) return false;
  if (row.version !== null) return live.version === row.version;
  // Of a file that was rewritten within a moment only a later look at its bytes knows.
  return live.size_bytes === row.size_bytes && live.mtime_ms === row.mtime_ms && live.looked_at_ms >= row.listed_at_ms;
}
