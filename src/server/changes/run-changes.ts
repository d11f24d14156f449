import { cancelRun } from '../../orchestrator/runs/cancel-run.ts';
import { retryRun } from '../../orchestrator/runs/retry-run.ts';
import type { RunGraphs } from '../../orchestrator/runs/run-graph.ts';
import type { Store, StoreReader } from '../../orchestrator/store/store.ts';
import type { Answer } from '../api.ts';
import { findRun, runOf } from '../reads/runs.ts';

export type RunAction = 'cancel' | 'retry' | 'resume';

export interface RunChangeRequest {
  readonly run: number;
  readonly by: string;
  readonly fromTask?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

/**
 * Changes one run and tells which of its tasks that concerns. Resuming is retrying what had not ended well.
 * @throws RUN_UNKNOWN, TASK_UNKNOWN, RUN_ENDED, RUN_NOT_ENDED, RETRY_NOTHING, RETRY_BLOCKED
 */
export async function changeRun(
  store: Store,
  graphs: RunGraphs,
  action: RunAction,
  { run: id, by, fromTask, dryRun }: RunChangeRequest,
): Promise<Answer<'retryRun'>> {
  return store.write(async (tx) => {
    const before = await findRun(tx.db, id);
    const statesBefore = await taskStates(tx.db, id);
    if (action === 'cancel') await cancelRun(tx, graphs, id, { by });
    else await retryRun(tx, graphs, id, { by, ...(fromTask === undefined ? {} : { fromTask }) });
    const after = await findRun(tx.db, id);
    const statesAfter = await taskStates(tx.db, id);
    const tasks = [...statesAfter].filter(([task, state]) => statesBefore.get(task) !== state).map(([task]) => task);
    return {
      run: runOf(after, tx.nowMs),
      changed: before.state !== after.state || tasks.length > 0,
      tasks,
      dryRun: dryRun === true,
    };
  });
}

async function taskStates(db: StoreReader, run: number): Promise<ReadonlyMap<string, string>> {
  const rows = await db
    .selectFrom('tasks')
    .select(['task', 'state'])
    .where('run_id', '=', run)
    .where('map_index', '=', -1)
    .orderBy('id')
    .execute();
  return new Map(rows.map((r) => [r.task, r.state]));
}
