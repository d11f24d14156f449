import type { Clock } from '../../core/clock.ts';
import { type SparkifyError, toSparkifyError } from '../../core/errors.ts';
import type { KnownObject } from '../../ledger/objects.ts';
import { isYoung, looksSame } from '../../operators/select-objects.ts';
import { compareLook } from '../../operators/source-look.ts';
import type { ResolvedPipeline } from '../../pipeline/define.ts';
import type { Staging } from '../../pipeline/tables.ts';
import type { Listing, Source } from '../../sources/source.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import type { Store } from '../store/store.ts';
import { readCoverage, saveCoverage } from './coverage.ts';
import { knownVersions } from './known-versions.ts';
import { forgetStagings, saveFailedLook, saveLook } from './save-look.ts';
import { settlePending } from './settle-pending.ts';

export interface RefreshOptions {
  readonly store: Store;
  readonly warehouse: Pick<Warehouse, 'read'>;
  readonly openSource: (root: string) => Promise<Source>;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/** How one source was found. */
export type RefreshedListing =
  | { readonly staging: string; readonly objects: number; readonly differing: number; readonly error: undefined }
  | { readonly staging: string; readonly error: SparkifyError };

/** A file this large is believed to have changed when its time did. */
const LARGEST_READ = 64 * 2 ** 20;
/** So much is read at most to find out whether files changed. */
const MOST_READ = 256 * 2 ** 20;

/**
 * Lists the sources of a pipeline whole and keeps what differs from what is published, and reads C and D anew. Runs are not
 * disturbed: nothing is locked, nothing is written to the warehouse. A source that cannot be listed keeps the others from
 * nothing.
 */
export async function refreshListings(
  pipeline: ResolvedPipeline,
  options: RefreshOptions,
): Promise<readonly RefreshedListing[]> {
  const { store, warehouse, clock, signal } = options;
  const coverage = await readCoverage(warehouse, [pipeline.name], clock.nowMs());
  await store.write((tx) => saveCoverage(tx, pipeline.name, coverage.get(pipeline.name)!));
  await forgetStagings(
    store,
    pipeline.name,
    pipeline.stagings.map((s) => s.name),
  );
  const found: RefreshedListing[] = [];
  for (const staging of pipeline.stagings) {
    signal?.throwIfAborted();
    try {
      found.push(await refreshOne(pipeline.name, staging, options));
    } catch (thrown) {
      signal?.throwIfAborted();
      const error = toSparkifyError(thrown);
      await saveFailedLook(store, { pipeline: pipeline.name, staging: staging.name, listedAtMs: clock.nowMs() }, error);
      found.push({ staging: staging.name, error });
    }
  }
  // What was published while its source was listed.
  await settlePending(store, warehouse, pipeline.name);
  return found;
}

async function refreshOne(
  pipeline: string,
  staging: Staging,
  { store, warehouse, openSource, signal }: RefreshOptions,
): Promise<RefreshedListing> {
  const source = await openSource(staging.root);
  try {
    const listing = await source.list({
      endings: staging.endings,
      ...(staging.template === undefined ? {} : { template: staging.template }),
      ...(signal === undefined ? {} : { signal }),
    });
    const known = await knownVersions(warehouse, pipeline, staging.name);
    const read = await readDoubtful(source, listing, known, signal);
    const look = await compareLook(
      { pipeline, staging, listing, within: undefined },
      known,
      (listed, live) => read.get(listed.uri) ?? looksSame(listed, live),
      warehouse,
    );
    await saveLook(store, look);
    return {
      staging: staging.name,
      objects: listing.objects.length,
      differing: look.differing.length,
      error: undefined,
    };
  } finally {
    await source.close();
  }
}

/** Reads the files of which size and time do not tell whether they changed, the small ones; whether each is as it was. */
async function readDoubtful(
  source: Source,
  listing: Listing,
  known: readonly KnownObject[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, boolean>> {
  const live = new Map(known.filter((k) => k.state === 'live').map((k) => [k.uri, k]));
  const same = new Map<string, boolean>();
  let left = MOST_READ;
  for (const object of listing.objects) {
    const before = live.get(object.uri);
    if (before === undefined || object.version !== undefined || object.sizeBytes !== before.size_bytes) continue;
    if (looksSame(object, before) && !isYoung(before)) continue;
    if (object.sizeBytes > LARGEST_READ || object.sizeBytes > left) continue;
    signal?.throwIfAborted();
    left -= object.sizeBytes;
    same.set(object.uri, (await source.readVersion(object.uri, before.version)) !== undefined);
  }
  return same;
}
