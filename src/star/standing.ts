import { identList, literal } from '../core/quoting.ts';
import type { ResolvedPipeline } from '../pipeline/define.ts';
import type { Interval } from '../pipeline/interval.ts';
import type { Staging } from '../pipeline/tables.ts';
import { losersTable } from './names.ts';
import { placesOf, type RecordSet, type RecordSource, recordSet, recordsSql } from './records.ts';

/**
 * The star as it is published, seen from the compute engine: what `check`, `trace` and the ledger's report look at when
 * no batch is open. The engine's copy of the ledger, its star and its state must stand for the last publish.
 */
export interface Standing extends RecordSource {
  readonly pipeline: ResolvedPipeline;
  /** Schema of the star in the compute engine. */
  readonly schema: string;
  readonly coverage: readonly Interval[];
}

/** Condition over `o` (ledger objects): V of this pipeline. */
export function liveNow(standing: Standing): string {
  return `o.pipeline = ${literal(standing.pipeline.name)} and o.state = 'live'`;
}

/** The records of V within C, winners and losers. */
export function standingRecords(standing: Standing, staging: Staging): Promise<RecordSet> {
  return recordSet(standing, staging, liveNow(standing), standing.coverage);
}

/** SELECT of (_f, _r) of the records that lost to another of their key. */
export function standingLosers(standing: Standing, staging: Staging): string {
  return placesOf(
    standing,
    `select _object, _row from ${losersTable(standing.pipeline.name)} where staging = ${literal(staging.name)}`,
  );
}

/** The records in force as a SELECT of `columns`, `_f` and `_r`. */
export function inForceNowSql(standing: Standing, set: RecordSet, columns: readonly string[]): string {
  const losers = standingLosers(standing, set.staging);
  return `select ${identList(columns)}, _f, _r from (${recordsSql(set, { columns, identity: true })}) w anti join (${losers}) l using (_f, _r)`;
}
