import { markTask } from '../../orchestrator/runs/mark-task.ts';
import { retryTask } from '../../orchestrator/runs/retry-run.ts';
import type { RunGraphs } from '../../orchestrator/runs/run-graph.ts';
import type { Store } from '../../orchestrator/store/store.ts';
import type { Answer } from '../api.ts';
import type { Graphs } from '../reads/graphs.ts';
import { runOf } from '../reads/runs.ts';
import { findTask, tasksOf } from '../reads/tasks.ts';

export type TaskAction = 'retry' | 'mark-success' | 'skip';

export interface TaskChangeRequest {
  readonly run: number;
  readonly task: string;
  readonly mapIndex?: number | undefined;
  readonly by: string;
  readonly dryRun?: boolean | undefined;
}

/**
 * Lets a task, or one element of a mapped one, be done again, or says by hand how it ended.
 * @throws RUN_UNKNOWN, TASK_UNKNOWN, TASK_NOT_ENDED, TASK_NOT_MARKABLE, RETRY_BLOCKED
 */
export async function changeTask(
  store: Store,
  known: { readonly graphs: Graphs; readonly runGraphs: RunGraphs },
  action: TaskAction,
  request: TaskChangeRequest,
): Promise<Answer<'retryTask'>> {
  const { run: id, task, mapIndex, by, dryRun } = request;
  const element = mapIndex === undefined || mapIndex < 0 ? {} : { mapIndex };
  return store.write(async (tx) => {
    const before = await findTask(tx.db, request);
    if (action === 'retry') await retryTask(tx, known.runGraphs, id, task, { by, ...element });
    else {
      const state = action === 'skip' ? 'skipped' : 'succeeded';
      await markTask(tx, known.runGraphs, id, task, { state, by, ...element });
    }
    const { run, row } = await findTask(tx.db, request);
    const [answer] = await tasksOf({ db: tx.db, graphs: known.graphs, nowMs: tx.nowMs }, run, [row]);
    return {
      task: answer!,
      run: runOf(run, tx.nowMs),
      changed: before.row.state !== row.state || action === 'retry',
      dryRun: dryRun === true,
    };
  });
}
