import { judgeTrigger } from '../../pipeline/trigger.ts';
import type { TaskInstance } from '../store/tables.ts';
import type { RunChanges } from './run-changes.ts';
import { ofTask } from './task-events.ts';

/**
 * Decides about tasks for which nothing is left to wait for: by its trigger rule each becomes ready, is skipped, or fails
 * because of what came before it. In a run that has not started nothing is decided.
 */
export async function judgeTasks(changes: RunChanges, tasks: Iterable<TaskInstance>): Promise<void> {
  const { tx } = changes;
  const refused: { readonly task: TaskInstance; readonly to: 'skipped' | 'upstream_failed' }[] = [];
  for (const task of tasks) {
    const run = changes.runOf(task);
    if (run.state !== 'running' || task.state !== 'waiting' || task.blockers > 0) continue;
    const rule = changes.graphOf(run).tasks.get(task.task)!.trigger;
    const verdict = judgeTrigger(rule, { failed: task.blockers_failed, skipped: task.blockers_skipped });
    if (verdict !== 'run') {
      refused.push({ task, to: verdict });
      continue;
    }
    task.ready_at_ms = tx.nowMs;
    changes.move(task, 'ready');
  }
  if (refused.length === 0) return;
  await changes.loadPlaces(
    refused.flatMap(({ task }) => before(changes, task).map((name) => ({ runId: task.run_id, task: name }))),
  );
  for (const { task, to } of refused) {
    const reason = reasonFor(changes, task, to);
    task.detail = reason;
    changes.move(task, to);
    tx.emit({ type: `task.${to}`, ...ofTask(task), reason });
  }
}

function before(changes: RunChanges, task: TaskInstance): readonly string[] {
  return changes.graphOf(changes.runOf(task)).tasks.get(task.task)!.after;
}

function reasonFor(changes: RunChanges, task: TaskInstance, to: 'skipped' | 'upstream_failed'): string {
  const states = before(changes, task).map((name) => [name, changes.place(task.run_id, name)?.state] as const);
  const named = (...wanted: readonly string[]): string =>
    states
      .filter(([, state]) => state !== undefined && wanted.includes(state))
      .map(([name]) => name)
      .join(', ');
  if (to === 'upstream_failed') {
    const failed = named('failed');
    if (failed !== '') return `${failed} failed`;
    const cancelled = named('cancelled');
    return cancelled === '' ? `${named('upstream_failed')} could not run` : `${cancelled} was cancelled`;
  }
  const skipped = named('skipped');
  return skipped === '' ? 'nothing before it failed' : `${skipped} was skipped`;
}
