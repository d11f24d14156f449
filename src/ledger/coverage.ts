import type { Interval } from '../pipeline/interval.ts';
import type { SqlSession } from '../warehouse/session.ts';
import { type LedgerTransaction, ledger } from './transaction.ts';

/** C of a pipeline: disjoint, sorted. */
export async function coverageOf(session: SqlSession, pipeline: string): Promise<readonly Interval[]> {
  const rows = await session.all<{ start_ms: number; end_ms: number }>(
    `select start_ms, end_ms from ${ledger('coverage')} where pipeline = $1 order by start_ms`,
    [pipeline],
  );
  return rows.map((r) => ({ startMs: r.start_ms, endMs: r.end_ms }));
}

export async function writeCoverage(
  tx: LedgerTransaction,
  pipeline: string,
  intervals: readonly Interval[],
): Promise<void> {
  await tx.session.exec(`delete from ${ledger('coverage')} where pipeline = $1`, [pipeline]);
  for (const i of intervals) {
    await tx.session.exec(
      `insert into ${ledger('coverage')} (pipeline, start_ms, end_ms, seq) values ($1, $2, $3, $4)`,
      [pipeline, i.startMs, i.endMs, tx.seq],
    );
  }
}
