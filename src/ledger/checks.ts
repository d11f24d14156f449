import type { Severity } from '../pipeline/check.ts';
import type { SqlSession } from '../warehouse/session.ts';
import { LEDGER_SCHEMA, ledgerTables } from './schema.ts';
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

const columns = Object.keys(ledgerTables.find((t) => t.name === 'checks')!.columns);

async function insertVerdicts(
  tx: LedgerTransaction,
  ids: readonly number[],
  pipeline: string,
  batchId: number | null,
  results: readonly CheckResult[],
  nowMs: number,
): Promise<void> {
  const rows = results.map((r, i) => [
    ids[i]!,
    pipeline,
    batchId,
    r.name,
    r.table,
    r.severity,
    r.verdict,
    r.expected,
    r.actual,
    r.samples.length === 0
      ? null
      : JSON.stringify(r.samples, (_key, v: unknown) => (typeof v === 'bigint' ? v.toString() : v)),
    nowMs,
    tx.seq,
  ]);
  await tx.session.insertRows(LEDGER_SCHEMA, 'checks', columns, rows);
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
  const ids = results.map((_, i) => first + i);
  await insertVerdicts(tx, ids, pipeline, batchId, results, nowMs);
  return ids;
}

/** Replaces the verdicts of checks that were begun. */
export async function settleChecks(
  tx: LedgerTransaction,
  ids: readonly number[],
  pipeline: string,
  batchId: number | null,
  results: readonly CheckResult[],
  nowMs: number,
): Promise<void> {
  if (ids.length === 0) return;
  await tx.session.exec(`delete from ${ledger('checks')} where check_id between $1 and $2`, [ids[0]!, ids.at(-1)!]);
  await insertVerdicts(tx, ids, pipeline, batchId, results, nowMs);
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
