import type { TaskInstance } from '../store/tables.ts';

/** What every event of a task tells about whose it is. */
export interface OfTask {
  readonly pipeline: string;
  readonly runId: number;
  readonly taskId: number;
  readonly task: string;
  readonly mapIndex: number;
}

export function ofTask(task: TaskInstance): OfTask {
  return { pipeline: task.pipeline, runId: task.run_id, taskId: task.id, task: task.task, mapIndex: task.map_index };
}

/** The name for people: elements of a mapped task have their number in brackets. */
export function taskLabel(task: Pick<TaskInstance, 'task' | 'map_index'>): string {
  return task.map_index < 0 ? task.task : `${task.task}[${task.map_index}]`;
}
