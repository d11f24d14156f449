import type { DifferingObject, SourceLook } from '../../operators/source-look.ts';
import { overlaps } from '../../pipeline/interval.ts';
import { sqlWords } from '../runs/sql-words.ts';
import type { Store, StoreTransaction } from '../store/store.ts';
import { keptCoverage } from './coverage.ts';
import { type Lot, type LotKind, type LotObject, LotSorter, lockLots, readLots, replaceLots } from './pending-lots.ts';

/**
 * Keeps what a look at a source showed: which objects differ from what is published, in place of what was known of the keys
 * that were looked at. A version that was known keeps the time it was first seen.
 * @returns lots of what is there and this look was the first to show
 */
export async function saveLook(store: Store, look: SourceLook): Promise<readonly number[]> {
  if (!look.compared) {
    await saveLooseLook(store, look);
    return [];
  }
  const { pipeline, staging, within } = look;
  return store.write(async (tx) => {
    await noteLook(tx, look);
    const before = await readLots(tx.db, pipeline, { staging, within });
    const { kept, fresh } = before.length === 0 ? { kept: [], fresh: newLots(look) } : lotsAfter(look, before);
    await replaceLots(tx, pipeline, before, kept);
    if (fresh.length === 0) return [];
    const last = await lastLot(tx, pipeline, staging);
    await replaceLots(tx, pipeline, [], fresh);
    const made = await tx.all<{ lot: number }>(
      "select lot from pending_lots where pipeline = $1 and staging = $2 and lot > $3 and change <> 'gone'",
      [pipeline, staging, last],
    );
    return made.map((row) => row.lot);
  });
}

async function lastLot(tx: StoreTransaction, pipeline: string, staging: string): Promise<number> {
  const [row] = await tx.all<{ last: number | null }>(
    'select max(lot) as last from pending_lots where pipeline = $1 and staging = $2',
    [pipeline, staging],
  );
  return row?.last ?? 0;
}

function newLots({ staging, root, differing, listedAtMs }: SourceLook): readonly Lot[] {
  const sorter = new LotSorter(staging);
  let last: DifferingObject | undefined;
  let kind: LotKind | undefined;
  for (const object of differing) {
    // Neighbours are mostly alike, and there may be very many.
    const { change, period, version } = object;
    if (kind === undefined || change !== last?.change || period !== last.period || version !== last.version)
      kind = kindOf(object, root, listedAtMs);
    last = object;
    sorter.add(kind, lotObject(object, root));
  }
  return sorter.lots();
}

function lotsAfter(
  look: SourceLook,
  before: readonly Lot[],
): { readonly kept: readonly Lot[]; readonly fresh: readonly Lot[] } {
  // Another root is other objects: those of one that the staging had before are nobody's any more.
  const judged = (uri: string): boolean => look.covers(uri) || !uri.startsWith(look.root);
  const left = new Map(look.differing.map((object) => [object.uri, object]));
  const firstSeen = new Map<string, number>();
  const rest = new LotSorter(look.staging);
  const fresh = new LotSorter(look.staging);
  const whole: Lot[] = [];
  for (const lot of before) {
    const stay = lot.objects.filter((object) => {
      const uri = lot.root + object[0];
      const found = left.get(uri);
      if (found === undefined) return !judged(uri);
      if (!sameVersion(found, object)) return false;
      firstSeen.set(found.uri, lot.listed_at_ms);
      if (!sameKind(found, lot)) return false;
      left.delete(found.uri);
      return true;
    });
    if (stay.length === lot.objects.length) whole.push(lot);
    else for (const object of stay) rest.add(lot, object);
  }
  for (const object of left.values()) {
    const seenMs = firstSeen.get(object.uri);
    const lots = seenMs === undefined ? fresh : rest;
    lots.add(kindOf(object, look.root, seenMs ?? look.listedAtMs), lotObject(object, look.root));
  }
  return { kept: [...whole, ...rest.lots()], fresh: fresh.lots() };
}

/**
 * A look without a ledger at hand cannot tell what is published. It notes objects only of time that is not: there they
 * cannot make anything stale.
 */
async function saveLooseLook(store: Store, look: SourceLook): Promise<void> {
  const { pipeline, staging, root, within, listedAtMs } = look;
  const row = await store.db
    .selectFrom('pipelines')
    .select(['coverage_json', 'coverage_epoch', 'coverage_definition', 'coverage_at_ms'])
    .where('name', '=', pipeline)
    .executeTakeFirst();
  const coverage = row === undefined ? undefined : keptCoverage(row);
  if (coverage === undefined) return;
  const unpublished = look.differing.filter(
    ({ period }) => period !== undefined && !coverage.intervals.some((covered) => overlaps(covered, period)),
  );
  if (unpublished.length === 0) return;
  await store.write(async (tx) => {
    await lockLots(tx, pipeline, staging);
    const lots = await readLots(tx.db, pipeline, { staging, within });
    const known = new Set(lots.flatMap((lot) => lot.objects.map(([uri]) => lot.root + uri)));
    const sorter = new LotSorter(staging);
    for (const object of unpublished)
      if (!known.has(object.uri)) sorter.add(kindOf(object, root, listedAtMs), lotObject(object, root));
    await replaceLots(tx, pipeline, [], sorter.lots());
  });
}

function kindOf({ change, period, version }: DifferingObject, root: string, listed_at_ms: number): LotKind {
  const [start_ms, end_ms] = [period?.startMs ?? null, period?.endMs ?? null];
  return { root, change, start_ms, end_ms, listed_at_ms, versioned: version === undefined ? 0 : 1 };
}

function lotObject({ uri, version, sizeBytes, mtimeMs }: DifferingObject, root: string): LotObject {
  return [uri.slice(root.length), version ?? null, sizeBytes, mtimeMs ?? null];
}

function sameVersion(found: DifferingObject, [, version, sizeBytes, mtimeMs]: LotObject): boolean {
  return (found.version ?? null) === version && found.sizeBytes === sizeBytes && (found.mtimeMs ?? null) === mtimeMs;
}

function sameKind({ change, period }: DifferingObject, lot: Lot): boolean {
  return change === lot.change && (period?.startMs ?? null) === lot.start_ms && (period?.endMs ?? null) === lot.end_ms;
}

async function noteLook(tx: StoreTransaction, look: SourceLook): Promise<void> {
  const { pipeline, staging, listedAtMs, within, listed } = look;
  await tx.run(
    `insert into listings (pipeline, staging, whole_at_ms, listed_at_ms, start_ms, end_ms, objects, error_json)
     values ($1, $2, $3, $4, $5, $6, $7, null)
     on conflict (pipeline, staging) do update set whole_at_ms = coalesce(excluded.whole_at_ms, listings.whole_at_ms),
       listed_at_ms = excluded.listed_at_ms, start_ms = excluded.start_ms, end_ms = excluded.end_ms,
       objects = excluded.objects, error_json = null`,
    [
      pipeline,
      staging,
      within === undefined ? listedAtMs : null,
      listedAtMs,
      within?.startMs ?? null,
      within?.endMs ?? null,
      listed.length,
    ],
  );
}

/** Forgets what was known of stagings that the pipeline has no more. */
export async function forgetStagings(store: Store, pipeline: string, left: readonly string[]): Promise<void> {
  const among = sqlWords(store.capabilities).amongNames('$2');
  await store.write(async (tx) => {
    for (const table of ['pending_lots', 'listings'])
      await tx.run(`delete from ${table} where pipeline = $1 and not (staging ${among})`, [
        pipeline,
        JSON.stringify(left),
      ]);
  });
}

/** Keeps that a source could not be listed. What was known of it stays. */
export async function saveFailedLook(
  store: Store,
  look: Pick<SourceLook, 'pipeline' | 'staging' | 'listedAtMs'>,
  error: { readonly code: string; readonly message: string; readonly remedy: string },
): Promise<void> {
  const { code, message, remedy } = error;
  await store.write((tx) =>
    tx.run(
      `insert into listings (pipeline, staging, whole_at_ms, listed_at_ms, start_ms, end_ms, objects, error_json)
       values ($1, $2, null, $3, null, null, 0, $4)
       on conflict (pipeline, staging) do update set error_json = excluded.error_json`,
      [look.pipeline, look.staging, look.listedAtMs, JSON.stringify({ code, message, remedy })],
    ),
  );
}
