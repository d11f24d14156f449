import { isSparkifyError, SparkifyError } from '../core/errors.ts';
import { qualified } from '../core/quoting.ts';
import { batchById, updateBatch } from '../ledger/batches.ts';
import { writeCoverage } from '../ledger/coverage.ts';
import { isOneOf } from '../ledger/id-list.ts';
import { mirrorLedger } from '../ledger/mirror.ts';
import { pipelineRow, recordPublish } from '../ledger/pipelines.ts';
import { type LedgerTransaction, ledger, ledgerTransaction } from '../ledger/transaction.ts';
import { tableShape } from '../pipeline/definition.ts';
import { applyInCompute, applyInWarehouse, applyState, dropBatch } from '../star/apply.ts';
import type { Delta } from '../star/delta.ts';
import { batchOf } from './batch.ts';
import { describeDelta } from './load.ts';
import type { OpenBatch, RunState } from './run-state.ts';

/**
 * Publishes the batch: star, coverage, versions and ledger rows change in one transaction, under the ledger's lock and
 * only on the epoch the batch began at.
 * @throws SUPERSEDED, STAR_DIFFERS, COMMIT_UNKNOWN when the outcome cannot be found out
 */
export async function publishBatch(state: RunState): Promise<string> {
  const batch = await batchOf(state);
  if (batch === 'nothing-new') return 'nothing new: the star is as it was';
  const { options } = state;
  const { warehouse, failpoints } = options;
  requireClosure(state);
  const deltas = [...state.deltas.values()];
  failpoints.hit('publish.before');
  try {
    await ledgerTransaction(warehouse, async (tx) => {
      await publishLedger(state, batch, tx, deltas);
      if (warehouse.capabilities.embedded) {
        await applyInCompute(batch.context, tx.session, deltas, failpoints);
        await applyState(batch.context, tx.session, deltas, {
          epoch: batch.context.epoch + 1,
          coverage: batch.context.coverageNew,
          definition: state.definitionHash,
        });
        await dropBatch(tx.session, options.pipeline.name, state.computeSchema, options.pipeline.tables);
      } else {
        await applyInWarehouse(
          batch.context,
          warehouse,
          state.schema,
          tx.session,
          deltas,
          failpoints,
          await reshapedTables(state, tx),
        );
        await retractStaging(state, tx);
      }
      await options.beforeCommit?.();
      failpoints.hit('publish.before-commit');
    });
  } catch (error) {
    if (!isSparkifyError(error) || error.code !== 'COMMIT_UNKNOWN') throw error;
    // Only a ledger that says so makes it a success; one that cannot be asked leaves it unknown.
    const found = await warehouse.read((s) => batchById(s, batch.id)).catch(() => undefined);
    if (found?.state !== 'published') throw error;
  }
  failpoints.hit('publish.after-commit');
  state.publishedEpoch = batch.context.epoch + 1;
  if (!warehouse.capabilities.embedded) await publishMirror(state, batch, deltas);
  return deltas.map((d) => `${d.table}: ${describeDelta(d)}`).join(' · ');
}

/** Only a complete closure of tasks publishes: every table of the pipeline has its delta. */
function requireClosure(state: RunState): void {
  const missing = state.options.pipeline.tables.filter((t) => !state.deltas.has(t.name)).map((t) => t.name);
  if (missing.length > 0) {
    throw new SparkifyError('PIPELINE_INVALID', {
      pipeline: state.options.pipeline.name,
      detail: `publish runs before ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} loaded`,
      fix: 'Put it after the tasks that load every table.',
    });
  }
}

async function publishLedger(
  state: RunState,
  batch: OpenBatch,
  tx: LedgerTransaction,
  deltas: readonly Delta[],
): Promise<void> {
  const { options } = state;
  const pipeline = options.pipeline.name;
  const nowMs = options.clock.nowMs();
  const { session, seq } = tx;
  const row = (await pipelineRow(session, pipeline))!;
  if (row.epoch !== batch.context.epoch)
    throw new SparkifyError('SUPERSEDED', { pipeline, expected: batch.context.epoch, found: row.epoch });
  const epoch = batch.context.epoch + 1;
  const stages = [...state.stages.values()];
  const run = async (sql: string, params: readonly (string | number)[]): Promise<void> => {
    options.failpoints.hit('publish.statement');
    await session.exec(sql, params);
  };
  for (const ids of parts(stages.flatMap((s) => s.outgoing))) {
    await run(
      `update ${ledger('objects')} set state = 'retired', retired_epoch = $1, seq = $2 where ${isOneOf('object_id', ids)}`,
      [epoch, seq],
    );
  }
  for (const ids of parts(stages.flatMap((s) => s.incoming))) {
    await run(
      `update ${ledger('objects')} set state = 'live', published_epoch = $1, seq = $2 where ${isOneOf('object_id', ids)}`,
      [epoch, seq],
    );
  }
  for (const ids of parts(stages.flatMap((s) => s.abandoned))) {
    await run(`update ${ledger('objects')} set state = 'abandoned', seq = $1 where ${isOneOf('object_id', ids)}`, [
      seq,
    ]);
  }
  await writeCoverage(tx, pipeline, batch.context.coverageNew);
  options.failpoints.hit('publish.statement');
  await recordPublish(tx, pipeline, {
    epoch,
    definitionHash: state.definitionHash,
    definition: JSON.stringify(state.definition),
    params: JSON.stringify(options.pipeline.params),
    nowMs,
  });
  await updateBatch(tx, batch.id, {
    state: 'published',
    publishedEpoch: epoch,
    finishedAtMs: nowMs,
    stats: {
      ...(options.publishKey === undefined ? {} : { key: options.publishKey }),
      deltas,
      stages: stages.map((s) => ({
        ...s,
        incoming: s.incoming.length,
        outgoing: s.outgoing.length,
        abandoned: s.abandoned.length,
      })),
    },
  });
}

/** Tables whose columns or key are no longer those of the last publish; only a rebuild gets here with some. */
async function reshapedTables(state: RunState, tx: LedgerTransaction): Promise<ReadonlySet<string>> {
  const before = state.publishedDefinition;
  if (before === undefined) return new Set();
  const there = await tx.session.all<{ table_name: string }>(
    'select table_name from information_schema.tables where table_schema = $1',
    [state.schema],
  );
  const names = new Set(there.map((t) => t.table_name));
  return new Set(
    state.options.pipeline.tables
      .map((t) => t.name)
      .filter((n) => names.has(n) && tableShape(before, n) !== tableShape(state.definition, n)),
  );
}

const IDS_PER_STATEMENT = 20_000;

function* parts(ids: readonly number[]): Generator<readonly number[]> {
  for (let i = 0; i < ids.length; i += IDS_PER_STATEMENT) yield ids.slice(i, i + IDS_PER_STATEMENT);
}

/** Rows of versions that left V go from the staging tables too, where those are tables. */
async function retractStaging(state: RunState, tx: LedgerTransaction): Promise<void> {
  for (const outcome of state.stages.values()) {
    for (const ids of parts([...outcome.outgoing, ...outcome.abandoned])) {
      await tx.session.exec(`delete from ${qualified(state.schema, outcome.staging)} where ${isOneOf('_object', ids)}`);
    }
  }
}

/** Brings the mirror to what the warehouse has committed; a crash before that is made up for at the next start. */
async function publishMirror(state: RunState, batch: OpenBatch, deltas: readonly Delta[]): Promise<void> {
  const { options } = state;
  options.failpoints.hit('mirror.before');
  await mirrorLedger(options.warehouse);
  await options.warehouse.compute.transaction(async (session) => {
    await applyInCompute(batch.context, session, deltas, options.failpoints);
    await applyState(batch.context, session, deltas, {
      epoch: batch.context.epoch + 1,
      coverage: batch.context.coverageNew,
      definition: state.definitionHash,
    });
    await dropBatch(session, options.pipeline.name, state.computeSchema, options.pipeline.tables);
  });
  options.failpoints.hit('mirror.after');
}
