import { isSparkifyError, SparkifyError, toSparkifyError } from '../core/errors.ts';
import { type ProgressListener, silentProgress } from '../core/progress.ts';
import { batchById, latestBatch, updateBatch } from '../ledger/batches.ts';
import { pipelineRow } from '../ledger/pipelines.ts';
import { ledgerTransaction } from '../ledger/transaction.ts';
import { dropBatch } from '../star/apply.ts';
import type { Delta } from '../star/delta.ts';
import { compactSegments } from './compact.ts';
import { type DataTask, runDataTask, type TaskOutcome } from './data-task.ts';
import type { RunOptions, RunReport, RunState } from './run-state.ts';
import { StagingsAhead } from './stage-ahead.ts';
import { enterRun } from './with-run.ts';

/** What one task is carried out with, where it differs from the run. */
export interface Carrying {
  readonly progress?: ProgressListener;
  /** Interrupts the statement that runs. The run is then good for `fail` and `close` only. */
  readonly signal?: AbortSignal;
  /** Its turn has come. */
  readonly onBegin?: () => void;
  /** Stagings that could be read now, beside this task. They are begun, and their tasks find them so. */
  readonly ahead?: readonly DataTask[];
}

/**
 * A run that stays open between its tasks: it has the pipeline's lock, a session and, once a task needed it, a batch.
 *
 *     open ──runTask…──▶ finish ──▶ closed
 *       └── a task threw ──▶ fail ──▶ closed
 */
export interface RunHandle {
  readonly state: RunState;
  /** Carries out a task; tasks of one run follow one another. After one has thrown, no other begins. */
  runTask(task: DataTask, carrying?: Carrying): Promise<TaskOutcome>;
  /** After the last task: puts small segments together, or settles what must not be published; says how it went. */
  finish(): Promise<RunReport>;
  /** Notes in the batch what stopped the run; the same work takes the batch up again. */
  fail(error: unknown): Promise<void>;
  /** Waits for the task under way; interrupt it first. What is not published stays for the next run. */
  close(): Promise<void>;
}

/** How often a statement that began after the signal is interrupted again. */
const INTERRUPT_EVERY_MS = 100;

/**
 * Opens a run and keeps it. Tasks that succeeded before, in a process that is gone, are gone through once more: what
 * the ledger and the batch remember is taken, so that later tasks find the deltas they need.
 * @param succeeded those tasks, in topological order
 * @throws DEFINITION_CHANGED, WAREHOUSE_*; whatever a task that is gone through throws
 */
export async function openRun(options: RunOptions, succeeded: readonly DataTask[] = []): Promise<RunHandle> {
  const startedMs = options.clock.nowMs();
  // What the tasks see of the options follows the task that is carried out.
  let progress = options.progress;
  let signal = options.signal;
  const own: RunOptions = {
    ...options,
    progress: (event) => progress(event),
    get signal() {
      return signal;
    },
  };
  const { state, leave } = await enterRun(own);
  const stagings = new StagingsAhead(state);
  const interrupting = async <T>(work: () => Promise<T>): Promise<T> => {
    const held = signal;
    held.throwIfAborted();
    let again: ReturnType<typeof setInterval> | undefined;
    const interrupt = (): void => {
      state.session.interrupt();
      again ??= setInterval(() => state.session.interrupt(), INTERRUPT_EVERY_MS);
    };
    held.addEventListener('abort', interrupt, { once: true });
    try {
      return await work();
    } catch (error) {
      throw held.aborted && isSparkifyError(held.reason) ? held.reason : error;
    } finally {
      held.removeEventListener('abort', interrupt);
      clearInterval(again);
    }
  };
  let before: Promise<unknown> = Promise.resolve();
  let broken = false;
  let recognised = false;
  const carryOut = async (task: DataTask, ahead: readonly DataTask[]): Promise<TaskOutcome> => {
    const begun = stagings.take(task.name);
    const outcome = begun?.then((detail) => ({ detail, resumed: false })) ?? runDataTask(state, task);
    for (const { name, operator } of options.rebuild === true ? [] : ahead)
      if (operator.kind === 'stage') stagings.begin(name, operator.staging, task.name);
    return outcome;
  };
  const runTask = (task: DataTask, carrying: Carrying): Promise<TaskOutcome> => {
    const turn = before.then(async () => {
      if (broken)
        throw new SparkifyError('WAREHOUSE_CONFLICT', {
          detail: `${task.name} belongs to a run of ${options.pipeline.name} that was stopped`,
        });
      progress = carrying.progress ?? options.progress;
      signal = carrying.signal ?? options.signal;
      try {
        carrying.onBegin?.();
        return await interrupting(() => (recognised ? publishedBefore(state) : carryOut(task, carrying.ahead ?? [])));
      } catch (error) {
        broken = true;
        throw error;
      } finally {
        progress = options.progress;
        signal = options.signal;
      }
    });
    before = turn.catch(() => stagings.stop());
    return turn;
  };
  try {
    recognised = await recognisePublish(state);
    if (!recognised && succeeded.length > 0) {
      const times = succeeded.length === 1 ? 'a task' : `${succeeded.length} tasks`;
      options.progress({ type: 'note', detail: `taken up again: ${times} that had succeeded gone through once more` });
      for (const task of succeeded) await runTask(task, { progress: silentProgress });
    }
  } catch (error) {
    await recordFailure(state, error);
    await leave();
    throw error;
  }
  return {
    state,
    runTask: (task, carrying = {}) => runTask(task, carrying),
    finish: async () => {
      await before;
      await stagings.stop();
      if (options.dryRun === true || options.only !== undefined) await settleUnpublished(state);
      else if (state.publishedEpoch !== undefined) await compactSegments(state);
      return report(state, startedMs);
    },
    fail: async (error) => {
      await before;
      await recordFailure(state, error);
    },
    close: async () => {
      broken = true;
      await stagings.stop();
      await before;
      await leave();
    },
  };
}

/**
 * Whether this run's publish was committed by a process that died before it could say so. Then there is nothing to go
 * through, and a rebuild is not published a second time.
 */
async function recognisePublish(state: RunState): Promise<boolean> {
  const { publishKey, warehouse, pipeline } = state.options;
  if (publishKey === undefined) return false;
  const last = await warehouse.read((s) => latestBatch(s, pipeline.name));
  if (last?.state !== 'published' || last.published_epoch === null) return false;
  const stats = JSON.parse(last.stats ?? '{}') as { readonly key?: string; readonly deltas?: readonly Delta[] };
  if (stats.key !== publishKey) return false;
  for (const delta of stats.deltas ?? []) state.deltas.set(delta.table, delta);
  state.publishedEpoch = last.published_epoch;
  return true;
}

async function publishedBefore(state: RunState): Promise<TaskOutcome> {
  return { detail: `published before, as epoch ${state.publishedEpoch}`, resumed: true };
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

async function report(state: RunState, startedMs: number): Promise<RunReport> {
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
    durationMs: options.clock.nowMs() - startedMs,
  };
}
