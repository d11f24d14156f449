import type { QuarantinedRecord, StagedObject, StagedSegment } from '../ingest/staged.ts';
import type { Interval } from '../pipeline/interval.ts';
import type { Staging } from '../pipeline/tables.ts';
import type { ColumnValues, SqlSession, SqlValue } from '../warehouse/session.ts';
import { isOneOf } from './id-list.ts';
import { LEDGER_SCHEMA, ledgerTables } from './schema.ts';
import { describeSegment } from './segment-description.ts';
import { type LedgerTransaction, ledger, nextId, type ReservedIds } from './transaction.ts';

export type ObjectState = 'staged' | 'live' | 'retired' | 'abandoned';

/** An object version the ledger knows, as far as listing and planning need it. */
export interface KnownObject {
  readonly object_id: number;
  readonly uri: string;
  readonly version: string;
  readonly size_bytes: number;
  readonly mtime_ms: number | null;
  readonly looked_at_ms: number;
  readonly state: ObjectState;
}

/** Versions of a staging that are live or staged, newest first within a uri. */
export async function knownObjects(
  session: SqlSession,
  pipeline: string,
  staging: string,
): Promise<readonly KnownObject[]> {
  return session.all<KnownObject>(
    `select object_id, uri, version, size_bytes, mtime_ms, looked_at_ms, state from ${ledger('objects')}
     where pipeline = $1 and staging = $2 and state in ('live', 'staged') order by object_id desc`,
    [pipeline, staging],
  );
}

const IDS_PER_QUESTION = 5_000;

/** The event time that each of these objects holds, with what was corrected in it; objects without any are left out. */
export async function eventSpans(
  session: SqlSession,
  objectIds: readonly number[],
): Promise<ReadonlyMap<number, Interval>> {
  const spans = new Map<number, Interval>();
  for (let from = 0; from < objectIds.length; from += IDS_PER_QUESTION) {
    const ids = objectIds.slice(from, from + IDS_PER_QUESTION);
    const rows = await session.all<{ id: number; min_ms: number; max_ms: number }>(
      `select coalesce(parent_id, object_id) as id, min(min_event_ms) as min_ms, max(max_event_ms) as max_ms
       from ${ledger('objects')}
       where (${isOneOf('object_id', ids)} or (${isOneOf('parent_id', ids)} and state = 'live')) and min_event_ms is not null
       group by coalesce(parent_id, object_id)`,
    );
    for (const { id, min_ms, max_ms } of rows) spans.set(id, { startMs: min_ms, endMs: max_ms + 1 });
  }
  return spans;
}

const quarantineColumns = Object.keys(ledgerTables.find((t) => t.name === 'quarantine')!.columns);

/** Records a finished segment under reserved ids, with its objects and its rejected records; the objects' ids, in their order. */
export async function recordSegment(
  tx: LedgerTransaction,
  pipeline: string,
  staging: Staging,
  segment: StagedSegment,
  ids: ReservedIds,
  options: {
    readonly nowMs: number /** Per object of the segment: the one it retires with. */;
    readonly parentIds?: readonly number[];
  },
): Promise<readonly number[]> {
  const { session, seq } = tx;
  const { segmentId, firstObjectId: firstObject } = ids;
  const { objects } = segment;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const { minEventMs, maxEventMs } of objects) {
    if (minEventMs === undefined) continue;
    min = Math.min(min, minEventMs);
    max = Math.max(max, maxEventMs!);
  }
  await session.exec(
    `insert into ${ledger('segments')} (segment_id, pipeline, staging, path, row_count, size_bytes, columns, min_event_ms, max_event_ms, state, seq)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'live', $10)`,
    [
      segmentId,
      pipeline,
      staging.name,
      segment.path,
      segment.rows,
      segment.sizeBytes,
      describeSegment(staging),
      min <= max ? min : null,
      min <= max ? max : null,
      seq,
    ],
  );
  await session.insertColumns(LEDGER_SCHEMA, 'objects', objects.length, {
    object_id: { from: firstObject },
    pipeline: { all: pipeline },
    staging: { all: staging.name },
    uri: { each: objects.map((o) => o.uri) },
    version: { each: objects.map((o) => o.version) },
    size_bytes: { each: objects.map((o) => o.sizeBytes) },
    mtime_ms: of(objects, (o) => (o.mtimeMs === undefined ? null : Math.trunc(o.mtimeMs))),
    looked_at_ms: { all: options.nowMs },
    segment_id: { all: segmentId },
    first_row: { each: objects.map((o) => o.firstRow) },
    records_read: of(objects, (o) => o.read),
    records_staged: of(objects, (o) => o.staged),
    records_quarantined: of(objects, (o) => o.quarantined),
    min_event_ms: of(objects, (o) => o.minEventMs ?? null),
    max_event_ms: of(objects, (o) => o.maxEventMs ?? null),
    positions: of(objects, (o) =>
      o.positions.length === 0 ? null : JSON.stringify(o.positions.map((p) => [p.row, p.ordinal, p.line])),
    ),
    drift: of(objects, (o) => (hasDrift(o) ? JSON.stringify(o.drift) : null)),
    parent_id: options.parentIds === undefined ? { all: null } : { each: options.parentIds },
    state: { all: 'staged' },
    staged_at_ms: { all: options.nowMs },
    published_epoch: { all: null },
    retired_epoch: { all: null },
    seq: { all: seq },
  });
  await recordQuarantine(tx, pipeline, firstObject, segment.quarantined);
  return objects.map((_, i) => firstObject + i);
}

/** What each object has; one value where they all agree, as most small ones do. */
function of(objects: readonly StagedObject[], has: (object: StagedObject) => SqlValue): ColumnValues {
  const all = objects.length === 0 ? null : has(objects[0]!);
  return objects.every((o) => has(o) === all) ? { all } : { each: objects.map(has) };
}

function hasDrift({ drift }: StagedObject): boolean {
  for (const _ in drift.unknown) return true;
  for (const _ in drift.missing) return true;
  return false;
}

async function recordQuarantine(
  tx: LedgerTransaction,
  pipeline: string,
  firstObject: number,
  records: readonly QuarantinedRecord[],
): Promise<void> {
  if (records.length === 0) return;
  const first = await nextId(tx, 'quarantine', 'quarantine_id');
  const rows = records.map((q, i) => [
    first + i,
    pipeline,
    firstObject + q.object,
    q.ordinal,
    q.line,
    q.reason,
    q.column ?? null,
    q.detail,
    q.raw,
    'quarantined',
    null,
    null,
    tx.seq,
  ]);
  await tx.session.insertRows(LEDGER_SCHEMA, 'quarantine', quarantineColumns, rows);
}

/** Remembers that an unchanged object was looked at again. */
export async function touchObjects(
  tx: LedgerTransaction,
  touched: readonly { readonly objectId: number; readonly mtimeMs: number | null }[],
  nowMs: number,
): Promise<void> {
  for (const t of touched) {
    await tx.session.exec(
      `update ${ledger('objects')} set mtime_ms = $1, looked_at_ms = $2, seq = $3 where object_id = $4`,
      [t.mtimeMs, nowMs, tx.seq, t.objectId],
    );
  }
}
