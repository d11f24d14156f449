import type { LedgerType } from '../warehouse/dialect.ts';

/** Schema that holds the ledger, in every warehouse. */
export const LEDGER_SCHEMA = 'sparkify_ledger';

/** Format of ledger and segments; migrations.ts brings older ones forward, newer ones are refused. */
export const LEDGER_FORMAT = 1;

export interface LedgerTable {
  readonly name: string;
  readonly columns: Readonly<Record<string, LedgerType>>;
  readonly key: readonly string[];
}

/**
 * The ledger: what was read, what is published, what was checked. `seq` is the ledger transaction that last wrote a
 * row, so that a mirror can ask for what is new. Times are epoch milliseconds UTC.
 */
export const ledgerTables = [
  {
    // One row: the format of ledger and segments, the last ledger transaction, the next free ids.
    name: 'meta',
    columns: { id: 'bigint', format: 'bigint', seq: 'bigint', next_object_id: 'bigint', next_segment_id: 'bigint' },
    key: ['id'],
  },
  {
    // `epoch` counts the publishes; a batch may publish only on the epoch it began at (fencing).
    name: 'pipelines',
    columns: {
      pipeline: 'text',
      schema_name: 'text',
      epoch: 'bigint',
      definition_hash: 'text',
      definition: 'text',
      params: 'text',
      published_at_ms: 'bigint',
      seq: 'bigint',
    },
    key: ['pipeline'],
  },
  {
    // state: staged (read, not published) · live (in V) · retired (replaced or pruned) · abandoned (replaced before it was published)
    name: 'objects',
    columns: {
      object_id: 'bigint',
      pipeline: 'text',
      staging: 'text',
      uri: 'text',
      version: 'text',
      size_bytes: 'bigint',
      mtime_ms: 'bigint',
      looked_at_ms: 'bigint',
      segment_id: 'bigint',
      first_row: 'bigint',
      records_read: 'bigint',
      records_staged: 'bigint',
      records_quarantined: 'bigint',
      min_event_ms: 'bigint',
      max_event_ms: 'bigint',
      positions: 'text',
      drift: 'text',
      parent_id: 'bigint',
      state: 'text',
      staged_at_ms: 'bigint',
      published_epoch: 'bigint',
      retired_epoch: 'bigint',
      seq: 'bigint',
    },
    key: ['object_id'],
  },
  {
    // state: live · retired (compacted away; its file goes when nobody can read it any more)
    name: 'segments',
    columns: {
      segment_id: 'bigint',
      pipeline: 'text',
      staging: 'text',
      path: 'text',
      row_count: 'bigint',
      size_bytes: 'bigint',
      columns: 'text',
      min_event_ms: 'bigint',
      max_event_ms: 'bigint',
      state: 'text',
      seq: 'bigint',
    },
    key: ['segment_id'],
  },
  {
    // C: disjoint, normalised, half-open
    name: 'coverage',
    columns: { pipeline: 'text', start_ms: 'bigint', end_ms: 'bigint', seq: 'bigint' },
    key: ['pipeline', 'start_ms'],
  },
  {
    // state: quarantined · replayed · corrected · discarded; replacement_id is the object that a replay or correction made
    name: 'quarantine',
    columns: {
      quarantine_id: 'bigint',
      pipeline: 'text',
      object_id: 'bigint',
      ordinal: 'bigint',
      line: 'bigint',
      reason: 'text',
      column_name: 'text',
      detail: 'text',
      raw: 'blob',
      state: 'text',
      note: 'text',
      replacement_id: 'bigint',
      seq: 'bigint',
    },
    key: ['quarantine_id'],
  },
  {
    // state: open · audited · failed · published · superseded · dry-run; stats is JSON
    name: 'batches',
    columns: {
      batch_id: 'bigint',
      pipeline: 'text',
      start_ms: 'bigint',
      end_ms: 'bigint',
      base_epoch: 'bigint',
      published_epoch: 'bigint',
      identity: 'text',
      state: 'text',
      stats: 'text',
      created_at_ms: 'bigint',
      finished_at_ms: 'bigint',
      seq: 'bigint',
    },
    key: ['batch_id'],
  },
  {
    // verdict: passed · failed · error (the check itself failed) · interrupted; batch_id NULL for `sparkify check`
    name: 'checks',
    columns: {
      check_id: 'bigint',
      pipeline: 'text',
      batch_id: 'bigint',
      name: 'text',
      table_name: 'text',
      severity: 'text',
      verdict: 'text',
      expected: 'text',
      actual: 'text',
      samples: 'text',
      at_ms: 'bigint',
      seq: 'bigint',
    },
    key: ['check_id'],
  },
] as const satisfies readonly LedgerTable[];
