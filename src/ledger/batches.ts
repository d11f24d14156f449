import type { Interval } from '../pipeline/interval.ts';
import type { SqlSession } from '../warehouse/session.ts';
import { type LedgerTransaction, ledger, nextId } from './transaction.ts';

/** open → audited → published; open|audited → failed → open again (resume); anything unpublished → superseded or dry-run. */
export type BatchState = 'open' | 'audited' | 'failed' | 'published' | 'superseded' | 'dry-run';

export interface BatchRow {
  readonly batch_id: number;
  readonly pipeline: string;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly base_epoch: number;
  readonly published_epoch: number | null;
  /** Hash over what the batch would do: interval, definition, versions in and out. The same work resumes the same batch. */
  readonly identity: string;
  readonly state: BatchState;
  /** JSON: rows added, changed, removed per table, and more. */
  readonly stats: string | null;
  readonly created_at_ms: number;
  readonly finished_at_ms: number | null;
}

const columns =
  'batch_id, pipeline, start_ms, end_ms, base_epoch, published_epoch, identity, state, stats, created_at_ms, finished_at_ms';

export async function latestBatch(session: SqlSession, pipeline: string): Promise<BatchRow | undefined> {
  const rows = await session.all<BatchRow>(
    `select ${columns} from ${ledger('batches')} where pipeline = $1 order by batch_id desc limit 1`,
    [pipeline],
  );
  return rows[0];
}

export async function batchById(session: SqlSession, batchId: number): Promise<BatchRow | undefined> {
  const rows = await session.all<BatchRow>(`select ${columns} from ${ledger('batches')} where batch_id = $1`, [
    batchId,
  ]);
  return rows[0];
}

export async function openBatch(
  tx: LedgerTransaction,
  batch: { pipeline: string; interval: Interval; baseEpoch: number; identity: string; nowMs: number },
): Promise<number> {
  await tx.session.exec(
    `update ${ledger('batches')} set state = 'superseded', seq = $1 where pipeline = $2 and state in ('open', 'audited', 'failed')`,
    [tx.seq, batch.pipeline],
  );
  const id = await nextId(tx, 'batches', 'batch_id');
  await tx.session.exec(
    `insert into ${ledger('batches')} (batch_id, pipeline, start_ms, end_ms, base_epoch, identity, state, created_at_ms, seq) values ($1, $2, $3, $4, $5, $6, 'open', $7, $8)`,
    [
      id,
      batch.pipeline,
      batch.interval.startMs,
      batch.interval.endMs,
      batch.baseEpoch,
      batch.identity,
      batch.nowMs,
      tx.seq,
    ],
  );
  return id;
}

export async function updateBatch(
  tx: LedgerTransaction,
  batchId: number,
  change: {
    readonly state?: BatchState;
    readonly stats?: unknown;
    readonly publishedEpoch?: number;
    readonly finishedAtMs?: number;
  },
): Promise<void> {
  const sets: string[] = [];
  const values: (string | number)[] = [];
  const set = (column: string, value: string | number | undefined): void => {
    if (value === undefined) return;
    values.push(value);
    sets.push(`${column} = $${values.length}`);
  };
  set('state', change.state);
  set('stats', change.stats === undefined ? undefined : JSON.stringify(change.stats));
  set('published_epoch', change.publishedEpoch);
  set('finished_at_ms', change.finishedAtMs);
  set('seq', tx.seq);
  values.push(batchId);
  await tx.session.exec(
    `update ${ledger('batches')} set ${sets.join(', ')} where batch_id = $${values.length}`,
    values,
  );
}
