import { coverageOf } from '../../ledger/coverage.ts';
import { pipelineRow } from '../../ledger/pipelines.ts';
import { ledgerFormat } from '../../ledger/transaction.ts';
import type { Interval } from '../../pipeline/interval.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { PipelineRow } from '../store/tables.ts';
import type { Coverage } from './cell.ts';

/** C and D of these pipelines, as the warehouse's ledger has them. */
export async function readCoverage(
  warehouse: Pick<Warehouse, 'read'>,
  pipelines: readonly string[],
  atMs: number,
): Promise<ReadonlyMap<string, Coverage>> {
  return warehouse.read(async (session) => {
    const found = new Map<string, Coverage>();
    const there = (await ledgerFormat(session)) !== undefined;
    for (const name of pipelines) {
      const row = there ? await pipelineRow(session, name) : undefined;
      found.set(name, {
        intervals: row === undefined ? [] : await coverageOf(session, name),
        definition: row?.definition_hash ?? undefined,
        epoch: row?.epoch ?? 0,
        atMs,
      });
    }
    return found;
  });
}

/** Keeps what was read of a pipeline, unless something was read later. */
export async function saveCoverage(tx: StoreTransaction, pipeline: string, coverage: Coverage): Promise<void> {
  const { intervals, definition, epoch, atMs } = coverage;
  await tx.run(
    `update pipelines set coverage_json = $2, coverage_epoch = $3, coverage_definition = $4, coverage_at_ms = $5
     where name = $1 and (coverage_at_ms is null or coverage_at_ms <= $5)`,
    [pipeline, JSON.stringify(intervals.map((i) => [i.startMs, i.endMs])), epoch, definition ?? null, atMs],
  );
}

/** What was kept; undefined: nothing was ever read. */
export function keptCoverage(
  row: Pick<PipelineRow, 'coverage_json' | 'coverage_epoch' | 'coverage_definition' | 'coverage_at_ms'>,
): Coverage | undefined {
  if (row.coverage_json === null) return undefined;
  const pairs = JSON.parse(row.coverage_json) as readonly (readonly [number, number])[];
  return {
    intervals: pairs.map(([startMs, endMs]): Interval => ({ startMs, endMs })),
    definition: row.coverage_definition ?? undefined,
    epoch: row.coverage_epoch ?? 0,
    atMs: row.coverage_at_ms ?? 0,
  };
}
