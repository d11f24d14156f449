import { SparkifyError } from '../../core/errors.ts';
import { requireValue } from '../../pipeline/json-value.ts';
import { runEnded, taskEnded } from '../model/states.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { TaskInstance } from '../store/tables.ts';
import { requireRun, requireTask } from './find-run.ts';
import { judgeTasks } from './judge-task.ts';
import { endMapped } from './mapped.ts';
import { unlockFuture } from './past.ts';
import { recount } from './recount.ts';
import { resetTask } from './reset-task.ts';
import { resume } from './retry-run.ts';
import { type ChangingRun, RunChanges } from './run-changes.ts';
import type { RunGraphs } from './run-graph.ts';
import { settle } from './settle.ts';
import { ofTask, taskLabel } from './task-events.ts';

export interface Mark {
  readonly state: 'succeeded' | 'skipped';
  readonly by: string;
  /** One element of a mapped task. */
  readonly mapIndex?: number;
  /** What later tasks shall find as its value. */
  readonly output?: unknown;
}

/**
 * Says by hand that a task succeeded or is to be skipped: one that has not begun, failed, was held up or cancelled. What
 * could not run because of it is judged again; a run that had failed goes on, or ends anew.
 * @throws RUN_UNKNOWN, TASK_UNKNOWN, TASK_NOT_MARKABLE, VALUE_INVALID, VALUE_TOO_LARGE
 */
export async function markTask(
  tx: StoreTransaction,
  graphs: RunGraphs,
  runId: number,
  name: string,
  mark: Mark,
): Promise<void> {
  const changes = new RunChanges(tx, graphs);
  const run = await requireRun(changes, runId);
  const task = await requireTask(changes, run, name, mark.mapIndex);
  if (task.state === mark.state) return;
  const { state } = task;
  if (
    state === 'running' ||
    state === 'expanded' ||
    state === 'succeeded' ||
    state === 'skipped' ||
    run.state === 'cancelling'
  )
    throw new SparkifyError('TASK_NOT_MARKABLE', {
      run: runId,
      task: taskLabel(task),
      state: run.state === 'cancelling' ? 'being cancelled' : state,
      mark: mark.state,
    });
  if (task.map_index >= 0) {
    const parent = changes.place(runId, name)!;
    if (state === 'upstream_failed' || !['expanded', 'failed', 'cancelled'].includes(parent.state))
      throw new SparkifyError('TASK_NOT_MARKABLE', {
        run: runId,
        task: taskLabel(task),
        state: `an element of a task that is ${parent.state}`,
        mark: mark.state,
      });
  }
  const output = requireValue({ pipeline: run.pipeline, task: name }, mark.output);
  const before = { ended: taskEnded(state), resumed: runEnded(run.state) };
  if (before.resumed) await resume(changes, run, mark.by, undefined);
  task.marked_by = mark.by;
  task.detail = `marked as ${mark.state} by ${mark.by}`;
  task.error_json = null;
  task.output_json = output === undefined ? null : JSON.stringify(output);
  changes.move(task, mark.state);
  tx.emit({ type: 'task.marked', ...ofTask(task), state: mark.state, by: mark.by });
  if (before.ended) await judgeAgain(changes, run, task);
  await settle(changes);
}

/** An end was replaced by another one: whatever could not run because of it is judged anew. */
async function judgeAgain(changes: RunChanges, run: ChangingRun, task: TaskInstance): Promise<void> {
  let place = task;
  if (task.map_index >= 0) {
    place = changes.place(run.id, task.task)!;
    const { state } = place;
    if (state === 'expanded') {
      await recount(changes, run);
      return;
    }
    changes.move(place, 'expanded');
    place.error_json = null;
    await endMapped(changes, place);
    // Judged below together with what was held up.
    changes.takeEnded();
    if (place.state === state) return;
  }
  await unlockFuture(changes, [place]).then((freed) => judgeTasks(changes, freed));
  const graph = changes.graphOf(run);
  const open = [place.task];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const next of graph.below(name)) {
      const held = changes.place(run.id, next.name);
      if (held?.state !== 'upstream_failed') continue;
      resetTask(held);
      changes.move(held, 'waiting');
      open.push(next.name);
    }
  }
  await judgeTasks(changes, await recount(changes, run));
}
