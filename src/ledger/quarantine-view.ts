import type { SqlSession } from '../warehouse/session.ts';
import { ledger } from './transaction.ts';

/** open: quarantined · settled: replayed, corrected, discarded. */
export type QuarantineState = 'quarantined' | 'replayed' | 'corrected' | 'discarded';

/** A rejected record with the object it stands in. */
export interface QuarantineEntry {
  readonly quarantine_id: number;
  readonly staging: string;
  readonly uri: string;
  readonly version: string;
  readonly object_state: string;
  /** Number of the record in its object, from 0, and its physical line, from 1. */
  readonly ordinal: number;
  readonly line: number;
  readonly reason: string;
  readonly column_name: string | null;
  readonly detail: string;
  readonly raw: Uint8Array;
  readonly state: QuarantineState;
  readonly note: string | null;
}

export interface QuarantineFilter {
  readonly reason?: string;
  readonly id?: number;
  /** Also settled records and those of versions that are no longer read. @default false */
  readonly all?: boolean;
}

const PAGE = 2000;

/** The records in quarantine in the order of their ids, read page by page. */
export async function* quarantineEntries(
  session: SqlSession,
  pipeline: string,
  filter: QuarantineFilter = {},
): AsyncIterable<QuarantineEntry> {
  const params: (string | number)[] = [pipeline];
  const conditions = ['q.pipeline = $1'];
  if (filter.all !== true && filter.id === undefined)
    conditions.push("q.state = 'quarantined'", "o.state in ('live', 'staged')");
  if (filter.reason !== undefined) conditions.push(`q.reason = $${params.push(filter.reason)}`);
  if (filter.id !== undefined) conditions.push(`q.quarantine_id = $${params.push(filter.id)}`);
  const after = params.length + 1;
  for (let last = 0; ; ) {
    const rows = await session.all<QuarantineEntry>(
      `select q.quarantine_id, o.staging, o.uri, o.version, o.state as object_state, q.ordinal, q.line, q.reason,
         q.column_name, q.detail, q.raw, q.state, q.note
       from ${ledger('quarantine')} q join ${ledger('objects')} o on o.object_id = q.object_id
       where ${conditions.join(' and ')} and q.quarantine_id > $${after}
       order by q.quarantine_id limit ${PAGE}`,
      [...params, last],
    );
    yield* rows;
    if (rows.length < PAGE) return;
    last = rows.at(-1)!.quarantine_id;
  }
}
