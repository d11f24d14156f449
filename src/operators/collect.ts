import { collectOrphans, findOrphans } from '../ingest/orphans.ts';
import { pipelineFolder } from '../ingest/pipeline-folder.ts';
import { ledger, ledgerTransaction } from '../ledger/transaction.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { RunState } from './run-state.ts';

/**
 * Clears what killed runs left: spool files and segments that no ledger row names; and the files of segments that
 * compaction retired in an earlier run, which no reader can hold any more. Only under the pipeline's lock.
 */
export async function collectOrphanSegments(state: RunState): Promise<void> {
  const { warehouse, pipeline } = state.options;
  const { segments } = warehouse;
  const home = pipelineFolder(pipeline.name);
  const known = await warehouse.read((session) => segmentRows(session, pipeline.name));
  const live = livePaths(known);
  const retired = known.filter((s) => s.state === 'retired');
  const kept = (await segments.kept(home)).filter((path) => !live.has(path));
  if (kept.length > 0 || (await findOrphans(segments.directory, live, home)).length > 0) {
    // Under the ledger's lock: a commit whose answer was lost, or a run that lost the pipeline's lock, may just be
    // recording such a file.
    await ledgerTransaction(warehouse, async (tx) => {
      const now = livePaths(await segmentRows(tx.session, pipeline.name));
      await collectOrphans(segments.directory, now, home);
      await segments.remove(kept.filter((path) => !now.has(path)));
    });
  }
  if (retired.length === 0) return;
  await ledgerTransaction(warehouse, (tx) =>
    tx.session.exec(
      `update ${ledger('segments')} set state = 'collected', seq = $1 where segment_id in (${retired.map((s) => s.segment_id).join(', ')})`,
      [tx.seq],
    ),
  );
}

interface SegmentRow {
  readonly segment_id: number;
  readonly path: string;
  readonly state: string;
}

function segmentRows(session: SqlSession, pipeline: string): Promise<readonly SegmentRow[]> {
  return session.all<SegmentRow>(
    `select segment_id, path, state from ${ledger('segments')} where pipeline = $1 and state <> 'collected'`,
    [pipeline],
  );
}

function livePaths(segments: readonly SegmentRow[]): ReadonlySet<string> {
  return new Set(segments.filter((s) => s.state === 'live').map((s) => s.path));
}
