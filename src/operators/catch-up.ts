import { coverageOf } from '../ledger/coverage.ts';
import { mirrorLedger } from '../ledger/mirror.ts';
import { pipelineRow } from '../ledger/pipelines.ts';
import { ledger } from '../ledger/transaction.ts';
import { applyInCompute, applyState, beginBatch, dropBatch, standOf } from '../star/apply.ts';
import type { StarContext } from '../star/context.ts';
import type { Delta } from '../star/delta.ts';
import { type WinnerChange, winnerChange } from '../star/winners.ts';
import { deriveTable } from './load.ts';
import { type RunState, segmentsOf } from './run-state.ts';

/**
 * Brings the mirror's star up to the warehouse's ledger, when it stands for an older publish: after a crash between
 * the two commits, after a publish from another machine, or when the mirror is new. The star is a function of the
 * ledger, so the mirror derives it instead of copying rows.
 */
export async function catchUpMirror(state: RunState): Promise<boolean> {
  const { options, session } = state;
  const { warehouse, pipeline } = options;
  if (warehouse.capabilities.embedded) return false;
  await mirrorLedger(warehouse);
  const { row, coverage } = await warehouse.read(async (s) => ({
    row: (await pipelineRow(s, pipeline.name))!,
    coverage: await coverageOf(s, pipeline.name),
  }));
  const stand = await standOf(session, pipeline.name);
  if (stand.epoch === row.epoch) return false;
  const liveThen = `o.published_epoch <= ${stand.epoch} and (o.retired_epoch is null or o.retired_epoch > ${stand.epoch})`;
  const liveNow = `o.published_epoch <= ${row.epoch} and (o.retired_epoch is null or o.retired_epoch > ${row.epoch})`;
  const objects = `select object_id from ${ledger('objects')} o where o.pipeline = '${pipeline.name.replaceAll("'", "''")}'`;
  const lostSegments = await session.all(
    `select 1 as one from ${ledger('objects')} o join ${ledger('segments')} s on s.segment_id = o.segment_id
     where o.pipeline = $1 and s.state <> 'live' and o.records_staged > 0 and ${liveThen} limit 1`,
    [pipeline.name],
  );
  // It starts over when it is new, when it is ahead (the warehouse came from a backup), when it was derived under another
  // definition, and when records that it would have to take back went with a compaction.
  const rebuild = stand.epoch > row.epoch || stand.definition !== row.definition_hash || lostSegments.length > 0;
  await dropBatch(session, pipeline.name, state.computeSchema, pipeline.tables);
  await beginBatch(
    session,
    pipeline.name,
    rebuild ? `${objects} and ${liveNow}` : `${objects} and ${liveNow} and not coalesce(${liveThen}, false)`,
    rebuild ? `${objects} and false` : `${objects} and ${liveThen} and not coalesce(${liveNow}, false)`,
  );
  const context: StarContext = {
    session,
    segments: segmentsOf(state),
    pipeline,
    schema: state.computeSchema,
    epoch: stand.epoch,
    rebuild,
    coverageOld: rebuild ? [] : stand.coverage,
    coverageNew: coverage,
  };
  const changes = new Map<string, WinnerChange>();
  for (const staging of pipeline.stagings) changes.set(staging.name, await winnerChange(context, staging));
  const deltas = new Map<string, Delta>();
  for (const task of pipeline.tasks) {
    const { operator } = task;
    if (operator.kind === 'load-fact' || operator.kind === 'load-dimension' || operator.kind === 'sql')
      deltas.set(operator.table.name, await deriveTable(context, changes, operator.table, deltas));
  }
  await warehouse.compute.transaction(async (tx) => {
    await applyInCompute(context, tx, [...deltas.values()], options.failpoints);
    await applyState(context, tx, [...deltas.values()], {
      epoch: row.epoch,
      coverage,
      definition: row.definition_hash ?? '',
    });
    await dropBatch(tx, pipeline.name, state.computeSchema, pipeline.tables);
  });
  return true;
}
