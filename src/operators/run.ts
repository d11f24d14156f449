import { SparkifyError, toSparkifyError } from '../core/errors.ts';
import { batchById, updateBatch } from '../ledger/batches.ts';
import { pipelineRow } from '../ledger/pipelines.ts';
import { ledgerTransaction } from '../ledger/transaction.ts';
import { upstreamClosure } from '../pipeline/dag.ts';
import type { Task } from '../pipeline/task.ts';
import { dropBatch } from '../star/apply.ts';
import { compactSegments } from './compact.ts';
import { createTables } from './create-tables.ts';
import { type Executor, sequentialExecutor } from './executor.ts';
import { loadTable } from './load.ts';
import { publishBatch } from './publish.ts';
import { auditRun } from './quality.ts';
import type { RunOptions, RunReport, RunState } from './run-state.ts';
import { runStage } from './stage.ts';
import { withRun } from './with-run.ts';

/**
 * Runs a pipeline once over an interval: from the listing of its sources to the publish, or up to the task that fails.
 * A run that failed is taken up where it stopped; a run with nothing to do changes nothing.
 * @throws DEFINITION_CHANGED, CHECKS_FAILED, QUARANTINE_SHARE, SOURCE_*, SUPERSEDED, …
 */
export async function runPipeline(options: RunOptions, executor: Executor = sequentialExecutor): Promise<RunReport> {
  const started = options.clock.nowMs();
  return withRun(options, async (state) => {
    try {
      await executor.execute(chosenTasks(options), (task) => runTask(state, task), options.signal);
    } catch (error) {
      await recordFailure(state, error);
      throw error;
    }
    if (options.dryRun === true || options.only !== undefined) await settleUnpublished(state);
    else if (state.publishedEpoch !== undefined) await compactSegments(state);
    return report(state, started);
  });
}
function chosenTasks(options: RunOptions): readonly Task[] {
  const { tasks } = options.pipeline;
  if (options.only === undefined)
    return options.dryRun === true ? tasks.filter((t) => t.operator.kind !== 'publish') : tasks;
  const unknown = options.only.find((name) => !tasks.some((t) => t.name === name || t.group === name));
  if (unknown !== undefined) {
    throw new SparkifyError('USAGE', {
      detail: `Pipeline ${options.pipeline.name} has no task ${unknown}.`,
      fix: `Its tasks are: ${tasks.map((t) => t.name).join(', ')}`,
    });
  }
  const named = tasks
    .filter((t) => options.only!.includes(t.name) || (t.group !== undefined && options.only!.includes(t.group)))
    .map((t) => t.name);
  const closure = upstreamClosure(tasks, named);
  return tasks.filter((t) => closure.has(t.name) && t.operator.kind !== 'publish');
}

async function runTask(state: RunState, task: Task): Promise<void> {
  const { progress, clock } = state.options;
  const started = clock.nowMs();
  progress({ type: 'task.started', task: task.name });
  try {
    const { detail, resumed } = await dispatch(state, task);
    progress({
      type: 'task.succeeded',
      task: task.name,
      durationMs: clock.nowMs() - started,
      detail,
      ...(resumed ? { resumed } : {}),
    });
  } catch (error) {
    progress({
      type: 'task.failed',
      task: task.name,
      durationMs: clock.nowMs() - started,
      detail: toSparkifyError(error).message,
    });
    throw error;
  }
}

async function dispatch(state: RunState, task: Task): Promise<{ readonly detail: string; readonly resumed: boolean }> {
  const { operator } = task;
  const once = (detail: string) => ({ detail, resumed: false });
  switch (operator.kind) {
    case 'create-tables': {
      const created = await createTables(state.options.warehouse, state.options.pipeline);
      return once(created.length === 0 ? 'all there' : `created ${created.join(', ')}`);
    }
    case 'stage':
      return once(await runStage(state, task.name, operator.staging));
    case 'load-fact':
    case 'load-dimension':
    case 'sql':
      return loadTable(state, task.name, operator.table);
    case 'quality':
      return once(await auditRun(state));
    case 'publish':
      return once(await publishBatch(state));
    case 'function': {
      const lines: string[] = [];
      await operator.run({
        pipeline: state.options.pipeline.name,
        task: task.name,
        interval: state.interval,
        idempotencyKey: `${state.options.pipeline.name}/${task.name}/${state.interval.startMs}-${state.interval.endMs}`,
        signal: state.options.signal,
        log: (message) => {
          lines.push(message);
          state.options.progress({ type: 'task.progress', task: task.name, detail: message });
        },
      });
      return once(lines.at(-1) ?? 'done');
    }
  }
}

async function recordFailure(state: RunState, error: unknown): Promise<void> {
  const { batch } = state;
  if (batch === undefined || batch === 'nothing-new' || state.publishedEpoch !== undefined) return;
  const { code, message } = toSparkifyError(error);
  // The failure is reported in any case; a warehouse that is gone cannot take a note of it.
  await ledgerTransaction(state.options.warehouse, async (tx) => {
    // Under the ledger's lock a commit whose answer was lost has ended: what is published stays so.
    const found = await batchById(tx.session, batch.id);
    if (found?.state === 'open' || found?.state === 'audited')
      await updateBatch(tx, batch.id, { state: 'failed', stats: { error: { code, message } } });
  }).catch(() => undefined);
}

/** A dry run or a selection of tasks leaves nothing behind but what it staged. */
async function settleUnpublished(state: RunState): Promise<void> {
  const { batch, options } = state;
  if (batch === undefined || batch === 'nothing-new') return;
  await dropBatch(state.session, options.pipeline.name, state.computeSchema, options.pipeline.tables);
  await ledgerTransaction(options.warehouse, (tx) =>
    updateBatch(tx, batch.id, { state: 'dry-run', finishedAtMs: options.clock.nowMs() }),
  );
}

async function report(state: RunState, started: number): Promise<RunReport> {
  const { options } = state;
  const row = await options.warehouse.read((s) => pipelineRow(s, options.pipeline.name));
  const outcome = ((): RunReport['outcome'] => {
    if (state.publishedEpoch !== undefined) return 'published';
    if (state.batch === 'nothing-new') return 'nothing-new';
    return options.dryRun === true ? 'dry-run' : 'partial';
  })();
  return {
    pipeline: options.pipeline.name,
    interval: state.interval,
    outcome,
    batchId: state.batch === undefined || state.batch === 'nothing-new' ? undefined : state.batch.id,
    epoch: row?.epoch ?? 0,
    stages: [...state.stages.values()],
    deltas: [...state.deltas.values()],
    checks: state.checks,
    warnings: state.warnings,
    durationMs: options.clock.nowMs() - started,
  };
}
