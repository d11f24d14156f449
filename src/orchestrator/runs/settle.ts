import type { TaskInstance } from '../store/tables.ts';
import { finishRuns } from './finish-runs.ts';
import { judgeTasks } from './judge-task.ts';
import { endWaitingElements, settleElements } from './mapped.ts';
import { unlockFuture } from './past.ts';
import type { EndedTask, Place, RunChanges } from './run-changes.ts';
import { ofTask } from './task-events.ts';

/**
 * Carries the ends of tasks on to those who wait for them, through whole chains, ends runs that have nothing left, and writes
 * everything. The cost follows what is touched, not the size of the run.
 */
export async function settle(changes: RunChanges): Promise<void> {
  for (let ended = changes.takeEnded(); ended.length > 0; ended = changes.takeEnded()) await spread(changes, ended);
  changes.flushTasks();
  await finishRuns(changes);
  changes.flushRuns();
}

async function spread(changes: RunChanges, ended: readonly EndedTask[]): Promise<void> {
  const places: Place[] = [];
  for (const { task } of ended) {
    const runId = task.run_id;
    if (task.map_index >= 0) places.push({ runId, task: task.task });
    else for (const next of changes.graphOf({ id: runId }).below(task.task)) places.push({ runId, task: next.name });
  }
  await changes.loadPlaces(places);
  const touched = new Set<TaskInstance>();
  for (const end of ended) if (end.task.map_index < 0) unlock(changes, end, touched);
  for (const task of await unlockFuture(
    changes,
    ended.map(({ task }) => task),
  ))
    touched.add(task);
  await judgeTasks(changes, touched);
  await settleElements(
    changes,
    ended.map(({ task }) => task).filter((task) => task.map_index >= 0),
  );
  await endWaitingElements(
    changes,
    ended.map(({ task }) => task).filter((task) => task.map_index < 0),
  );
}

/** Counts an end with those directly after it. What a branch did not choose is skipped, whatever else it waits for. */
function unlock(changes: RunChanges, { task, unchosen }: EndedTask, touched: Set<TaskInstance>): void {
  const { tx } = changes;
  for (const { name } of changes.graphOf({ id: task.run_id }).below(task.task)) {
    const next = changes.place(task.run_id, name);
    if (next?.state !== 'waiting') continue;
    next.blockers -= 1;
    if (task.state === 'skipped') next.blockers_skipped += 1;
    else if (task.state !== 'succeeded') next.blockers_failed += 1;
    changes.touch(next);
    if (unchosen?.has(name)) {
      const reason = `branch ${task.task} chose another way`;
      next.detail = reason;
      changes.move(next, 'skipped');
      tx.emit({ type: 'task.skipped', ...ofTask(next), reason });
    } else touched.add(next);
  }
}
