import { isSparkifyError } from '../../core/errors.ts';
import { reviseRuns } from '../runs/revise-runs.ts';
import type { RunGraphs } from '../runs/run-graph.ts';
import { startRuns } from '../runs/start-runs.ts';
import type { Store, StoreTransaction } from '../store/store.ts';
import { type AdmittingPipeline, admittingPipelines, chooseRuns, type QueuedRun } from './choose-runs.ts';

/** Runs that begin in one transaction. */
const AT_ONCE = 100;

/** Why a run and a version do not fit together. */
const UNFIT: ReadonlySet<string> = new Set(['TASK_UNKNOWN', 'POOL_UNKNOWN', 'POOL_TOO_SMALL']);

/**
 * Lets queued runs begin, with the version of their pipeline that is in force; `chooseRuns` says which.
 * @param onlyRun for a process that carries out one run and leaves the others alone
 * @returns 0 when there may be more to begin at once; undefined: nothing until the store changes
 */
export async function admitStep(store: Store, graphs: RunGraphs, onlyRun?: number): Promise<number | undefined> {
  // Nothing waits, or what waits has no place: then nothing is locked, however often the store changes.
  const waiting = await admittingPipelines(store.db, onlyRun, false);
  if (waiting.length === 0) return undefined;
  // By any clock: what begins is decided by the store's.
  const look = { graphs, nowMs: Number.POSITIVE_INFINITY, limit: 1, onlyRun };
  if ((await chooseRuns(store.db, { ...look, pipelines: waiting })).runs.length === 0) return undefined;
  return store.write(async (tx) => {
    // Whoever admits has the pipelines to itself, so that two schedulers do not both see the last place free.
    const pipelines = await admittingPipelines(tx.db, onlyRun, tx.capabilities.skipLocked);
    const { runs, nextMs } = await chooseRuns(tx.db, { pipelines, graphs, nowMs: tx.nowMs, limit: AT_ONCE, onlyRun });
    for (const pipeline of pipelines) await revise(tx, graphs, pipeline, runs);
    if (runs.length > 0)
      await startRuns(
        tx,
        graphs,
        runs.map((r) => r.id),
      );
    if (runs.length >= AT_ONCE) return 0;
    return nextMs === undefined ? undefined : Math.max(0, nextMs - tx.nowMs);
  });
}

/**
 * Runs that were made before the pipeline changed begin with what is in force. A backfill promised cells under one
 * definition: only its schedules, retries and the like follow the change.
 */
async function revise(
  tx: StoreTransaction,
  graphs: RunGraphs,
  pipeline: AdmittingPipeline,
  admitted: readonly QueuedRun[],
): Promise<void> {
  const old = admitted.filter((r) => r.pipeline === pipeline.name && r.version !== pipeline.version);
  if (old.length === 0) return;
  const { graph } = await graphs.of(tx, pipeline.name, pipeline.version);
  for (const run of old) {
    if (run.kind === 'backfill') {
      const before = await graphs.of(tx, run.pipeline, run.version);
      if (before.graph.semanticVersion !== graph.semanticVersion) continue;
    }
    try {
      await reviseRuns(tx, [run.id], graph);
    } catch (error) {
      // What cannot begin with the new version begins as it was made, and its tasks say what is missing.
      if (!isSparkifyError(error) || !UNFIT.has(error.code)) throw error;
    }
  }
}
