import type { Warehouse } from '../../warehouse/warehouse.ts';
import type { Store } from '../store/store.ts';
import { knownVersions, type LiveVersion, liveVersions, publishedStagings } from './known-versions.ts';
import { type Lot, type LotObject, LotSorter, lockLots, readLots, replaceLots } from './pending-lots.ts';

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
  const pending = await store.db
    .selectFrom('pending_lots')
    .select((e) => [
      'staging',
      'change',
      e.fn.min('listed_at_ms').as('since_ms'),
      e.fn.max('versioned').as('versioned'),
      e.fn.max('lot').as('last'),
    ])
    .where('pipeline', '=', pipeline)
    .groupBy(['staging', 'change'])
    .execute();
  if (pending.length === 0) return 0;
  const published = await publishedStagings(warehouse, pipeline);
  let settled = 0;
  for (const { staging, change, since_ms, versioned, last } of pending) {
    if (change === 'gone') {
      const known = await knownVersions(warehouse, pipeline, staging);
      const live = new Set(known.filter((k) => k.state === 'live').map((k) => k.uri));
      // Only what lay there before: a newer look may know of later publishes.
      settled += await settle(
        store,
        { pipeline, staging, change },
        (lot) => (object) => lot.lot! <= Number(last) && !live.has(lot.root + object[0]),
      );
    } else if (published.includes(staging)) {
      // Of a file, only a version that was looked at since; of what has versions, every one.
      const live = await liveVersions(warehouse, pipeline, staging, Number(versioned) === 1 ? 0 : Number(since_ms));
      settled += await settle(store, { pipeline, staging, change }, (lot) => (object) => inV(lot, object, live));
    }
  }
  return settled;
}

/** Of a file that was rewritten within a moment only a later look at its bytes knows. */
function inV(
  { root, listed_at_ms }: Lot,
  [uri, version, sizeBytes, mtimeMs]: LotObject,
  live: ReadonlyMap<string, LiveVersion>,
): boolean {
  const own = live.get(root + uri);
  if (own === undefined) return false;
  const [, ownVersion, ownSizeBytes, ownMtimeMs, lookedAtMs] = own;
  if (version !== null) return version === ownVersion;
  return sizeBytes === ownSizeBytes && mtimeMs === ownMtimeMs && listed_at_ms <= lookedAtMs;
}

/** Pending objects are judged where they lie: a newer look may have come since the ledger was read. */
function settle(
  store: Store,
  of: { readonly pipeline: string; readonly staging: string; readonly change: Lot['change'] },
  isDone: (lot: Lot) => (object: LotObject) => boolean,
): Promise<number> {
  const { pipeline, staging, change } = of;
  return store.write(async (tx) => {
    await lockLots(tx, pipeline, staging);
    const before: Lot[] = [];
    const sorter = new LotSorter(staging);
    let settled = 0;
    for (const lot of await readLots(tx.db, pipeline, { staging, change })) {
      const done = isDone(lot);
      const left = lot.objects.filter((object) => !done(object));
      if (left.length === lot.objects.length) continue;
      before.push(lot);
      settled += lot.objects.length - left.length;
      for (const object of left) sorter.add(lot, object);
    }
    await replaceLots(tx, pipeline, before, sorter.lots());
    return settled;
  });
}
