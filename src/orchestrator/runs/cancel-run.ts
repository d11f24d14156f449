import { SparkifyError } from '../../core/errors.ts';
import { type RunState, runEnded } from '../model/states.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { TaskInstance } from '../store/tables.ts';
import { requireRun } from './find-run.ts';
import { recount } from './recount.ts';
import { RunChanges } from './run-changes.ts';
import type { RunGraphs } from './run-graph.ts';
import { settle } from './settle.ts';
import { ofTask } from './task-events.ts';

/**
 * Cancels a run: what has not begun never does, what is under way is interrupted by whoever carries it out. Gives `cancelled`
 * when nothing was under way, else `cancelling`; for a run that is cancelling already nothing changes.
 * @throws RUN_UNKNOWN, RUN_ENDED
 */
export async function cancelRun(
  tx: StoreTransaction,
  graphs: RunGraphs,
  runId: number,
  options: { readonly by: string },
): Promise<RunState> {
  const changes = new RunChanges(tx, graphs);
  const run = await requireRun(changes, runId);
  if (run.state === 'cancelling') return run.state;
  if (runEnded(run.state)) throw new SparkifyError('RUN_ENDED', { run: runId, state: run.state, action: 'cancelled' });
  const { by } = options;
  run.error_json = JSON.stringify({
    code: 'CANCELLED',
    message: `Cancelled by ${by}.`,
    remedy: `sparkify runs retry ${runId}`,
    by,
  });
  const rows = await changes.takeTasks(
    `select * from tasks where run_id = $1 and state in ('waiting', 'ready', 'running', 'expanded') order by id${changes.words.forUpdate}`,
    [runId],
  );
  const inElements = new Set(rows.filter((t) => t.map_index >= 0 && t.state === 'running').map((t) => t.task));
  for (const task of rows) {
    const under = task.state === 'running' || (task.state === 'expanded' && inElements.has(task.task));
    if (!under) cancelTask(changes, task, `the run was cancelled by ${by}`);
  }
  // They have all been dealt with: nobody is left to be told.
  changes.takeEnded();
  const event = { pipeline: run.pipeline, runId, by } as const;
  if (run.state === 'queued') {
    changes.moveRun(run, 'cancelled');
    tx.emit({ type: 'run.cancelled', ...event });
  } else if (run.unfinished > 0) {
    changes.moveRun(run, 'cancelling');
    tx.emit({ type: 'run.cancelling', ...event });
    await changes.lockTasksOf(runId);
    await recount(changes, run);
  }
  await settle(changes);
  return run.state;
}

/** An element that never began needs no event of its own: its mapped task has one. */
export function cancelTask(changes: RunChanges, task: TaskInstance, reason: string): void {
  const told = task.map_index < 0 || task.state === 'running';
  task.detail = reason;
  changes.move(task, 'cancelled');
  if (told) changes.tx.emit({ type: 'task.cancelled', ...ofTask(task), reason });
}
