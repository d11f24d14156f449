import type { Warehouse } from '../../warehouse/warehouse.ts';
import { sqlWords } from '../runs/sql-words.ts';
import type { Store } from '../store/store.ts';
import { knownVersions, liveVersions, publishedStagings } from './known-versions.ts';

/** The order of the values in `liveVersions`. */
const LIVE = {
  uri: 'text',
  version: 'text',
  size_bytes: 'bigint',
  mtime_ms: 'bigint',
  looked_at_ms: 'bigint',
} as const;

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
  const pending = await store.db
    .selectFrom('pending_objects')
    .select((e) => ['staging', e.fn.min('listed_at_ms').as('since_ms'), e.fn.count('version').as('versions')])
    .where('pipeline', '=', pipeline)
    .where('change', '<>', 'gone')
    .groupBy('staging')
    .execute();
  let settled = 0;
  for (const { staging, since_ms, versions } of pending)
    if (published.includes(staging)) {
      // Of a file, only one that was looked at since; of what has versions, every one.
      const sinceMs = Number(versions) > 0 ? 0 : Number(since_ms);
      for (const tuples of await liveVersions(warehouse, pipeline, staging, sinceMs))
        settled += await settlePublished(store, pipeline, staging, tuples);
    }
  return settled + (await settleGone(store, warehouse, pipeline));
}

/** A pending object is compared where it lies: a newer look may come at any time. */
function settlePublished(store: Store, pipeline: string, staging: string, tuples: string): Promise<number> {
  const words = sqlWords(store.capabilities);
  // Of a file that was rewritten within a moment only a later look at its bytes knows.
  const same = `t.pipeline = $1 and t.staging = $2 and t.uri = v.uri and (t.version = v.version
    or t.version is null and t.size_bytes = v.size_bytes
      and coalesce(t.mtime_ms, -1) = coalesce(v.mtime_ms, -1) and t.listed_at_ms <= v.looked_at_ms)`;
  const done = `select t.uri ${words.lookUp(words.tuples('$3', LIVE), 'pending_objects', same)}`;
  return store.write((tx) =>
    tx.run(
      `delete from pending_objects where pipeline = $1 and staging = $2 and change <> 'gone' and uri ${words.amongThose(done)}`,
      [pipeline, staging, tuples],
    ),
  );
}

async function settleGone(store: Store, warehouse: Pick<Warehouse, 'read'>, pipeline: string): Promise<number> {
  const gone = await store.db
    .selectFrom('pending_objects')
    .select(['staging', 'uri', 'size_bytes', 'listed_at_ms'])
    .where('pipeline', '=', pipeline)
    .where('change', '=', 'gone')
    .execute();
  let settled = 0;
  for (const staging of new Set(gone.map((row) => row.staging))) {
    const known = await knownVersions(warehouse, pipeline, staging);
    const live = new Set(known.filter((k) => k.state === 'live').map((k) => k.uri));
    const done = gone.filter((row) => row.staging === staging && !live.has(row.uri));
    if (done.length === 0) continue;
    settled += done.length;
    const columns = { uri: 'text', size_bytes: 'bigint', listed_at_ms: 'bigint' } as const;
    await store.write((tx) =>
      // Only what was judged: a newer look may have come between.
      tx.run(
        // A list, not EXISTS: the embedded store would go through the parameter once a row.
        `delete from pending_objects where pipeline = $1 and staging = $2
         and (uri, size_bytes, listed_at_ms) in
           (select v.uri, v.size_bytes, v.listed_at_ms from ${sqlWords(tx.capabilities).tuples('$3', columns)})`,
        [pipeline, staging, JSON.stringify(done.map((row) => [row.uri, row.size_bytes, row.listed_at_ms]))],
      ),
    );
  }
  return settled;
}
