import type { SqlSession } from '../warehouse/session.ts';
import { type LedgerTransaction, ledger } from './transaction.ts';

export interface PipelineRow {
  readonly pipeline: string;
  readonly schema_name: string;
  /** Number of publishes so far. */
  readonly epoch: number;
  /** D of the last publish; NULL before the first. */
  readonly definition_hash: string | null;
  readonly definition: string | null;
  /** JSON: the parameters of the last publish. */
  readonly params: string | null;
  readonly published_at_ms: number | null;
}

export async function pipelineRow(session: SqlSession, pipeline: string): Promise<PipelineRow | undefined> {
  const rows = await session.all<PipelineRow>(
    `select pipeline, schema_name, epoch, definition_hash, definition, params, published_at_ms from ${ledger('pipelines')} where pipeline = $1`,
    [pipeline],
  );
  return rows[0];
}

/** Makes the pipeline known to the ledger. */
export async function ensurePipeline(tx: LedgerTransaction, pipeline: string, schema: string): Promise<void> {
  if ((await pipelineRow(tx.session, pipeline)) !== undefined) return;
  await tx.session.exec(
    `insert into ${ledger('pipelines')} (pipeline, schema_name, epoch, seq) values ($1, $2, 0, $3)`,
    [pipeline, schema, tx.seq],
  );
}

export async function recordPublish(
  tx: LedgerTransaction,
  pipeline: string,
  publish: {
    readonly epoch: number;
    readonly definitionHash: string;
    readonly definition: string;
    readonly params: string;
    readonly nowMs: number;
  },
): Promise<void> {
  await tx.session.exec(
    `update ${ledger('pipelines')} set epoch = $1, definition_hash = $2, definition = $3, params = $4, published_at_ms = $5, seq = $6 where pipeline = $7`,
    [publish.epoch, publish.definitionHash, publish.definition, publish.params, publish.nowMs, tx.seq, pipeline],
  );
}
