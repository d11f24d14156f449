import { collectOrphans } from '../ingest/orphans.ts';
import { ledger, ledgerTransaction } from '../ledger/transaction.ts';
import type { RunState } from './run-state.ts';

/**
 * Clears what killed runs left: spool files and segments that no ledger row names; and the files of segments that
 * compaction retired in an earlier run, which no reader can hold any more. Only under the pipeline's lock.
 */
export async function collectOrphanSegments(state: RunState): Promise<void> {
  const { warehouse } = state.options;
  const segments = await warehouse.read((s) =>
    s.all<{ segment_id: number; path: string; state: string }>(
      `select segment_id, path, state from ${ledger('segments')} where state <> 'collected'`,
    ),
  );
  const retired = segments.filter((s) => s.state === 'retired');
  await collectOrphans(
    warehouse.segmentsDirectory,
    new Set(segments.filter((s) => s.state === 'live').map((s) => s.path)),
  );
  if (retired.length === 0) return;
  await ledgerTransaction(warehouse, (tx) =>
    tx.session.exec(
      `update ${ledger('segments')} set state = 'collected', seq = $1 where segment_id in (${retired.map((s) => s.segment_id).join(', ')})`,
      [tx.seq],
    ),
  );
}
