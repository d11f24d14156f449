import { SparkifyError } from '../../core/errors.ts';
import type { TaskInstance } from '../store/tables.ts';
import type { ChangingRun, RunChanges } from './run-changes.ts';

/** The run, locked. @throws RUN_UNKNOWN */
export async function requireRun(changes: RunChanges, runId: number): Promise<ChangingRun> {
  await changes.lockRuns([runId]);
  const run = changes.run(runId);
  if (run === undefined) throw new SparkifyError('RUN_UNKNOWN', { run: runId });
  return run;
}

/** The task, or one element of a mapped one, locked. @throws TASK_UNKNOWN */
export async function requireTask(
  changes: RunChanges,
  run: ChangingRun,
  task: string,
  mapIndex = -1,
): Promise<TaskInstance> {
  const tasks = await changes.lockTasksOf(run.id);
  const place = changes.place(run.id, task);
  if (place === undefined)
    throw new SparkifyError('TASK_UNKNOWN', { what: `Run ${run.id}`, task, known: tasks.map((t) => t.task) });
  if (mapIndex < 0) return place;
  const element = (await changes.lockElements(place)).find((e) => e.map_index === mapIndex);
  if (element === undefined)
    throw new SparkifyError('TASK_UNKNOWN', { what: `Run ${run.id}`, task: `${task}[${mapIndex}]`, known: [task] });
  return element;
}
