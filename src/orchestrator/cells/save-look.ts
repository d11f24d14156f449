import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DifferingObject, SourceLook } from '../../operators/source-look.ts';
import { overlaps } from '../../pipeline/interval.ts';
import { type RowColumns, sqlWords } from '../runs/sql-words.ts';
import type { Store, StoreTransaction } from '../store/store.ts';
import type { PendingObjectRow } from '../store/tables.ts';
import { keptCoverage } from './coverage.ts';

type Stored = Pick<
  PendingObjectRow,
  'uri' | 'change' | 'start_ms' | 'end_ms' | 'version' | 'size_bytes' | 'mtime_ms' | 'listed_at_ms'
>;

/** Objects that are written in one transaction: the embedded store has one writer. */
const AT_ONCE = 5_000;

const COLUMNS = {
  uri: 'text',
  name: 'text',
  change: 'text',
  start_ms: 'bigint',
  end_ms: 'bigint',
  version: 'text',
  size_bytes: 'bigint',
  mtime_ms: 'bigint',
  listed_at_ms: 'bigint',
} as const satisfies RowColumns;

type PendingValues = Pick<PendingObjectRow, keyof typeof COLUMNS>;

/**
 * Keeps what a look at a source showed: which objects differ from what is published, in place of what was known of the keys
 * that were looked at. A version that was known keeps the time it was first seen.
 */
export async function saveLook(store: Store, look: SourceLook): Promise<void> {
  if (!look.compared) return saveLooseLook(store, look);
  const stored = await storedOf(store, look);
  const kept = new Map(stored.map((row) => [row.uri, row]));
  const differing = new Set(stored.length === 0 ? [] : look.differing.map((object) => object.uri));
  // Another root is other objects: those of one that the staging had before are nobody's any more.
  const judged = (uri: string): boolean => look.covers(uri) || !uri.startsWith(look.root);
  const gone = stored.filter((row) => !differing.has(row.uri) && judged(row.uri)).map((row) => row.uri);
  const rows = look.differing.flatMap((object) => rowOf(object, kept.get(object.uri), look.listedAtMs));
  await store.write((tx) => noteLook(tx, look));
  for (let from = 0; from < gone.length; from += AT_ONCE)
    await store.write((tx) => removePending(tx, look, gone.slice(from, from + AT_ONCE)));
  await insertPending(store, look, rows);
}

/**
 * A look without a ledger at hand cannot tell what is published. It notes objects only of time that is not: there they
 * cannot make anything stale.
 */
async function saveLooseLook(store: Store, look: SourceLook): Promise<void> {
  const row = await store.db
    .selectFrom('pipelines')
    .select(['coverage_json', 'coverage_epoch', 'coverage_definition', 'coverage_at_ms'])
    .where('name', '=', look.pipeline)
    .executeTakeFirst();
  const coverage = row === undefined ? undefined : keptCoverage(row);
  if (coverage === undefined) return;
  const kept = new Set((await storedOf(store, look)).map((stored) => stored.uri));
  const fresh = look.differing.filter(
    ({ uri, period }) =>
      period !== undefined && !kept.has(uri) && !coverage.intervals.some((covered) => overlaps(covered, period)),
  );
  await insertPending(
    store,
    look,
    fresh.flatMap((object) => rowOf(object, undefined, look.listedAtMs)),
  );
}

async function storedOf(store: Store, { pipeline, staging, within }: SourceLook): Promise<readonly Stored[]> {
  let query = store.db
    .selectFrom('pending_objects')
    .select(['uri', 'change', 'start_ms', 'end_ms', 'version', 'size_bytes', 'mtime_ms', 'listed_at_ms'])
    .where('pipeline', '=', pipeline)
    .where('staging', '=', staging);
  // The time that an object touches holds the period of its key.
  if (within !== undefined) query = query.where('start_ms', '<', within.endMs).where('end_ms', '>', within.startMs);
  return query.execute();
}

function rowOf(object: DifferingObject, kept: Stored | undefined, listedAtMs: number): readonly PendingValues[] {
  const { uri, name, change, period, version = null, sizeBytes, mtimeMs = null } = object;
  const same = kept?.version === version && kept.size_bytes === sizeBytes && kept.mtime_ms === mtimeMs;
  const [start_ms, end_ms] = [period?.startMs ?? null, period?.endMs ?? null];
  if (same && kept.change === change && kept.start_ms === start_ms && kept.end_ms === end_ms) return [];
  return [
    {
      uri,
      name,
      change,
      start_ms,
      end_ms,
      version,
      size_bytes: sizeBytes,
      mtime_ms: mtimeMs,
      listed_at_ms: same ? kept.listed_at_ms : listedAtMs,
    },
  ];
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

async function insertPending(
  store: Store,
  { pipeline, staging }: SourceLook,
  rows: readonly PendingValues[],
): Promise<void> {
  const names = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];
  for (let from = 0; from < rows.length; from += AT_ONCE) {
    const part = rows.slice(from, from + AT_ONCE);
    // A value less in each row is noticed where there are a hundred thousand, and most values are those of all rows.
    const common = names.filter((name) => name !== 'uri' && part.every((row) => row[name] === part[0]![name]));
    const own = names.filter((name) => !common.includes(name));
    const tuples = sqlWords(store.capabilities).tuples('$3', Object.fromEntries(own.map((n) => [n, COLUMNS[n]])));
    const value = (name: keyof typeof COLUMNS): string =>
      common.includes(name) ? `cast($${4 + common.indexOf(name)} as ${COLUMNS[name]})` : `v.${name}`;
    const replaced = names.filter((name) => name !== 'uri').map((name) => `${name} = excluded.${name}`);
    // Others have a turn between: a scan thread, say, that waits for its next objects.
    if (from > 0) await nextTurn();
    const given = JSON.stringify(part.map((row) => own.map((name) => row[name])));
    await store.write((tx) =>
      tx.run(
        `insert into pending_objects (pipeline, staging, ${names.join(', ')})
         select $1, $2, ${names.map(value).join(', ')} from ${tuples} where true
         on conflict (pipeline, staging, uri) do update set ${replaced.join(', ')}`,
        [pipeline, staging, given, ...common.map((name) => part[0]![name])],
      ),
    );
  }
}

async function removePending(
  tx: StoreTransaction,
  { pipeline, staging }: SourceLook,
  uris: readonly string[],
): Promise<void> {
  await tx.run(
    `delete from pending_objects where pipeline = $1 and staging = $2 and uri ${sqlWords(tx.capabilities).amongNames('$3')}`,
    [pipeline, staging, JSON.stringify(uris)],
  );
}

/** Forgets what was known of stagings that the pipeline has no more. */
export async function forgetStagings(store: Store, pipeline: string, left: readonly string[]): Promise<void> {
  const among = sqlWords(store.capabilities).amongNames('$2');
  await store.write(async (tx) => {
    for (const table of ['pending_objects', 'listings'])
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
