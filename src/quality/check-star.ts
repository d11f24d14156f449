import type { CheckResult } from '../ledger/checks.ts';
import { inForceNowSql, type Standing, standingRecords } from '../star/standing.ts';
import type { SqlSession } from '../warehouse/session.ts';
import { publishedAccounting } from './accounting.ts';
import { hasRecords } from './audit.ts';
import { type Court, judge } from './judge.ts';
import { wholeSubject } from './subject.ts';

export interface CheckStarOptions {
  /** The same publish, seen from the compute engine: it counts the records, which lie in segments. */
  readonly standing: Standing;
  /** Schema of the star in the warehouse. */
  readonly schema: string;
  readonly nowMs: number;
  /** Only the checks with one of these names. @default all */
  readonly names?: readonly string[];
}

/**
 * Every check of the pipeline on what is published, all of it, in the warehouse itself.
 * @param session of the warehouse, best in one snapshot; after a check whose SQL fails the following ones may see a newer one
 */
export async function checkStar(session: SqlSession, options: CheckStarOptions): Promise<readonly CheckResult[]> {
  const { standing, schema, names } = options;
  const { pipeline } = standing;
  const subjects = pipeline.tables.map((t) => wholeSubject(session, schema, t));
  const court: Court = {
    session,
    nowMs: options.nowMs,
    subjects: () => subjects,
    hasRecords: (table) =>
      hasRecords(table, async (staging, where) => {
        const set = await standingRecords(standing, staging);
        const columns = staging.columns.map((c) => c.name);
        const rows = await standing.session.all(
          `select 1 as one from (${inForceNowSql(standing, set, columns)}) r${where === undefined ? '' : ` where ${where}`} limit 1`,
        );
        return rows.length > 0;
      }),
    rowAccounting: () => publishedAccounting(session, schema, standing),
  };
  const results: CheckResult[] = [];
  for (const check of pipeline.checks.filter((c) => names === undefined || names.includes(c.name))) {
    const result = await judge(court, check);
    if (result.verdict === 'error') await reviveTransaction(session);
    results.push(result);
  }
  return results;
}

/** A failed statement makes a transaction useless; the checks that follow get a new one. */
async function reviveTransaction(session: SqlSession): Promise<void> {
  try {
    await session.exec('select 1');
  } catch {
    await session.exec('rollback');
    await session.exec('begin transaction');
  }
}
