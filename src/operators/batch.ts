import { createHash } from 'node:crypto';
import { collectGarbage } from '../core/garbage.ts';
import { latestBatch, openBatch, updateBatch } from '../ledger/batches.ts';
import { coverageOf } from '../ledger/coverage.ts';
import { selectIds } from '../ledger/id-list.ts';
import { mirrorLedger } from '../ledger/mirror.ts';
import { pipelineRow } from '../ledger/pipelines.ts';
import { ledger, ledgerTransaction } from '../ledger/transaction.ts';
import { covers, union } from '../pipeline/interval.ts';
import { beginBatch, dropBatch } from '../star/apply.ts';
import type { StarContext } from '../star/context.ts';
import { tableExists, tablesOf } from '../star/delta.ts';
import { batchTableName } from '../star/names.ts';
import { winnerChange } from '../star/winners.ts';
import { requireReading } from './reading.ts';
import { type OpenBatch, type RunState, segmentsOf } from './run-state.ts';

/**
 * Opens the run's batch when its first task needs it, or takes up the one that an earlier run of the same work left:
 * same interval, same definition, same versions in and out, on the same star. Nothing to do gives 'nothing-new'.
 */
export async function batchOf(state: RunState): Promise<OpenBatch | 'nothing-new'> {
  state.batch ??= await open(state);
  return state.batch;
}

async function open(state: RunState): Promise<OpenBatch | 'nothing-new'> {
  const { options, session, interval } = state;
  const { warehouse, pipeline } = options;
  // All objects are read; what that took of memory is of use to the engine now.
  await state.threads.close();
  collectGarbage();
  const { row, coverageOld, live } = await warehouse.read(async (s) => ({
    row: (await pipelineRow(s, pipeline.name))!,
    coverageOld: await coverageOf(s, pipeline.name),
    live: await s.all<{ object_id: number }>(
      `select object_id from ${ledger('objects')} where pipeline = $1 and state = 'live' order by object_id`,
      [pipeline.name],
    ),
  }));
  const outcomes = [...state.stages.values()];
  const outgoing = outcomes.flatMap((o) => o.outgoing);
  const added = outcomes.flatMap((o) => o.incoming);
  const rebuild = options.rebuild === true;
  const leaving = new Set(outgoing);
  const incoming = rebuild ? [...live.map((l) => l.object_id).filter((id) => !leaving.has(id)), ...added] : added;
  const coverageNew = rebuild ? coverageOld : union(coverageOld, [interval]);
  if (
    !rebuild &&
    incoming.length === 0 &&
    outgoing.length === 0 &&
    covers(coverageOld, interval) &&
    row.definition_hash !== null
  )
    return 'nothing-new';

  if (rebuild) await requireReading(state, outgoing);
  await mirrorLedger(warehouse);
  const context: StarContext = {
    session,
    segments: segmentsOf(state),
    pipeline,
    schema: state.computeSchema,
    epoch: row.epoch,
    rebuild,
    coverageOld,
    coverageNew,
    tables: await tablesOf(session, state.computeSchema),
  };
  const identity = createHash('sha256')
    .update(
      JSON.stringify([
        interval,
        state.definitionHash,
        rebuild,
        [...incoming].sort((a, b) => a - b),
        [...outgoing].sort((a, b) => a - b),
        row.epoch,
      ]),
    )
    .digest('hex');
  const last = await warehouse.read((s) => latestBatch(s, pipeline.name));
  const begun = await tableExists(context, 'sparkify_batch', batchTableName(pipeline.name, 'in'));
  const resumable =
    last !== undefined && last.identity === identity && ['open', 'failed', 'audited'].includes(last.state) && begun;
  if (resumable) {
    await ledgerTransaction(warehouse, (tx) => updateBatch(tx, last.batch_id, { state: 'open' }));
    return {
      id: last.batch_id,
      context,
      changes: new Map(),
      resumed: true,
    };
  }
  await dropBatch(session, pipeline.name, state.computeSchema, pipeline.tables);
  options.failpoints.hit('batch.before');
  const id = await ledgerTransaction(warehouse, (tx) =>
    openBatch(tx, { pipeline: pipeline.name, interval, baseEpoch: row.epoch, identity, nowMs: options.clock.nowMs() }),
  );
  await beginBatch(session, pipeline.name, selectIds('object_id', incoming), selectIds('object_id', outgoing));
  options.failpoints.hit('batch.after');
  return { id, context, changes: new Map(), resumed: false };
}

/** Who comes into force and who goes, for every staging; ranked once a batch. */
export async function changesOf(batch: OpenBatch): Promise<OpenBatch['changes']> {
  for (const staging of batch.context.pipeline.stagings) {
    if (!batch.changes.has(staging.name)) batch.changes.set(staging.name, await winnerChange(batch.context, staging));
  }
  return batch.changes;
}
