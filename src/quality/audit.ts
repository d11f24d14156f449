import type { CheckResult } from '../ledger/checks.ts';
import type { Check } from '../pipeline/check.ts';
import type { Staging, StarTable } from '../pipeline/tables.ts';
import type { StarContext } from '../star/context.ts';
import type { Delta } from '../star/delta.ts';
import { partsByValue } from '../star/parts.ts';
import { inForceSql, type WinnerChange, winnerChange } from '../star/winners.ts';
import { batchAccounting } from './accounting.ts';
import { type Court, judge } from './judge.ts';
import { batchSubject } from './subject.ts';

/**
 * The gate: every check on the star as it will be, in the compute engine, before anything of it is published. Of tables
 * that are merged only what the batch brings and takes is looked at: the rest was judged when it was published, so the
 * cost follows the delta. A check of kind `expected` runs over the whole star as it will be, and costs what its query costs.
 */
export async function auditBatch(
  context: StarContext,
  deltas: readonly Delta[],
  checks: readonly Check[],
  options: { readonly nowMs: number; readonly changes?: ReadonlyMap<string, WinnerChange> },
): Promise<readonly CheckResult[]> {
  const subjects = context.pipeline.tables.map((t) =>
    batchSubject(
      context,
      t,
      deltas.find((d) => d.table === t.name),
    ),
  );
  const changeOf = async (staging: Staging): Promise<WinnerChange> =>
    options.changes?.get(staging.name) ?? (await winnerChange(context, staging));
  const court: Court = {
    session: context.session,
    nowMs: options.nowMs,
    subjects: () => subjects,
    parts: (rows, column, count) => partsByValue(context.session, rows, column, count),
    hasRecords: (table) =>
      hasRecords(table, async (staging, where) => anyInForce(context, await changeOf(staging), where)),
    rowAccounting: () => batchAccounting(context, deltas, changeOf),
  };
  const results: CheckResult[] = [];
  for (const check of checks) results.push(await judge(court, check));
  return results;
}

async function anyInForce(context: StarContext, change: WinnerChange, where: string | undefined): Promise<boolean> {
  const columns = change.staging.columns.map((c) => c.name);
  const rows = await context.session.all(
    `select 1 as one from (${inForceSql(context, change, columns)}) r${where === undefined ? '' : ` where ${where}`} limit 1`,
  );
  return rows.length > 0;
}

/** Is there a record that would be a row of this table? A table of free SQL may be empty by right. */
export async function hasRecords(
  table: StarTable,
  any: (staging: Staging, where: string | undefined) => Promise<boolean>,
): Promise<boolean> {
  switch (table.kind) {
    case 'fact':
    case 'dimension':
      return any(table.from, table.where);
    case 'calendar':
      return any(table.of.from, table.of.where);
    case 'sql':
      return false;
  }
}
