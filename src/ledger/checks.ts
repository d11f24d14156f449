import type { Severity } from '../pipeline/check.ts';
import type { SqlSession } from '../warehouse/session.ts';
import { type LedgerTransaction, ledger, nextId } from './transaction.ts';

/** `interrupted`: the audit began and its process died before the verdict. */
export type Verdict = 'passed' | 'failed' | 'error' | 'interrupted';

export interface CheckResult {
  readonly name: string;
  readonly table: string | null;
  readonly severity: Severity;
  readonly verdict: Verdict;
  readonly expected: string;
  readonly actual: string;
  /** Sample rows that show the failure. */
  readonly samples: readonly Readonly<Record<string, unknown>>[];
}

export interface CheckRow {
  readonly check_id: number;
  readonly batch_id: number | null;
  readonly name: string;
  readonly table_name: string | null;
  readonly severity: Severity;
  readonly verdict: Verdict;
  readonly expected: string;
  readonly actual: string;
  readonly samples: string | null;
  readonly at_ms: number;
}

/** Adds verdicts to the history; their ids. */
export async function recordChecks(
  tx: LedgerTransaction,
  pipeline: string,
  batchId: number | null,
  results: readonly CheckResult[],
  nowMs: number,
): Promise<readonly number[]> {
  const first = await nextId(tx, 'checks', 'check_id');
  for (const [i, r] of results.entries()) {
    const samples =
      r.samples.length === 0
        ? null
        : JSON.stringify(r.samples, (_k, v: unknown) => (typeof v === 'bigint' ? v.toString() : v));
    await tx.session.exec(
      `insert into ${ledger('checks')} (check_id, pipeline, batch_id, name, table_name, severity, verdict, expected, actual, samples, at_ms, seq) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
      [
        first + i,
        pipeline,
        batchId,
        r.name,
        r.table,
        r.severity,
        r.verdict,
        r.expected,
        r.actual,
        samples,
        nowMs,
        tx.seq,
      ],
    );
  }
  return results.map((_, i) => first + i);
}

/** Replaces the verdicts of checks that were begun. */
export async function settleChecks(
  tx: LedgerTransaction,
  ids: readonly number[],
  results: readonly CheckResult[],
  nowMs: number,
): Promise<void> {
  for (const [i, r] of results.entries()) {
    const samples =
      r.samples.length === 0
        ? null
        : JSON.stringify(r.samples, (_k, v: unknown) => (typeof v === 'bigint' ? v.toString() : v));
    await tx.session.exec(
      `update ${ledger('checks')} set verdict = $1, expected = $2, actual = $3, samples = $4, at_ms = $5, seq = $6 where check_id = $7`,
      [r.verdict, r.expected, r.actual, samples, nowMs, tx.seq, ids[i]!],
    );
  }
}

/** The history of a check, or of all, newest first. */
export async function checkHistory(
  session: SqlSession,
  pipeline: string,
  options: { readonly name?: string; readonly limit?: number } = {},
): Promise<readonly CheckRow[]> {
  const named = options.name === undefined ? '' : 'and name = $2';
  return session.all<CheckRow>(
    `select check_id, batch_id, name, table_name, severity, verdict, expected, actual, samples, at_ms from ${ledger('checks')} where pipeline = $1 ${named} order by check_id desc limit ${Math.trunc(options.limit ?? 100)}`,
    options.name === undefined ? [pipeline] : [pipeline, options.name],
  );
}
