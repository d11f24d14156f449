import type { TaskInstance } from '../store/tables.ts';

/** Everything of a task's last go is forgotten; its attempts stay in their table. */
export function resetTask(task: TaskInstance): void {
  task.failures = 0;
  task.crashes = 0;
  task.looks = 0;
  task.first_look_ms = null;
  task.output_json = null;
  task.error_json = null;
  task.detail = null;
  task.marked_by = null;
  task.started_at_ms = null;
}
