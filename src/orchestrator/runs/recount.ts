import { taskEnded } from '../model/states.ts';
import type { TaskInstance } from '../store/tables.ts';
import type { ChangingRun, RunChanges } from './run-changes.ts';

/**
 * Counts anew what the waiting tasks of a run wait for, and what expanded ones have left, from the states as they are now.
 * All tasks of the run are loaded. Gives the waiting ones in topological order.
 */
export async function recount(changes: RunChanges, run: ChangingRun): Promise<readonly TaskInstance[]> {
  changes.flushTasks();
  const graph = changes.graphOf(run);
  const waiting: TaskInstance[] = [];
  for (const { name, after } of graph.graph.tasks) {
    const task = changes.place(run.id, name);
    if (task?.state === 'expanded') await recountElements(changes, task);
    if (task?.state !== 'waiting') continue;
    const before = [...new Set(after)].flatMap((a) => changes.place(run.id, a) ?? []);
    const ended = before.filter((t) => taskEnded(t.state));
    task.blockers = before.length - ended.length + Number(task.past_ms !== null);
    task.blockers_skipped = ended.filter((t) => t.state === 'skipped').length;
    task.blockers_failed = ended.filter((t) => t.state !== 'skipped' && t.state !== 'succeeded').length;
    changes.touch(task);
    waiting.push(task);
  }
  return waiting;
}

async function recountElements(changes: RunChanges, parent: TaskInstance): Promise<void> {
  const rows = await changes.tx.all<{ state: TaskInstance['state']; count: number | string }>(
    `select state, count(*) as count from tasks
     where run_id = $1 and task = $2 and map_index >= 0 and input_json is not null group by state`,
    [parent.run_id, parent.task],
  );
  const sum = (counts: (state: TaskInstance['state']) => boolean): number =>
    rows.reduce((total, { state, count }) => total + (counts(state) ? Number(count) : 0), 0);
  parent.blockers = sum((s) => !taskEnded(s));
  parent.blockers_skipped = sum((s) => s === 'skipped');
  parent.blockers_failed = sum((s) => taskEnded(s) && s !== 'skipped' && s !== 'succeeded');
  changes.touch(parent);
}
