import { SparkifyError, toSparkifyError } from '../core/errors.ts';
import { upstreamClosure } from '../pipeline/dag.ts';
import type { Task } from '../pipeline/task.ts';
import { isDataOperator, type TaskOutcome } from './data-task.ts';
import { type Executor, sequentialExecutor } from './executor.ts';
import { openRun, type RunHandle } from './open-run.ts';
import type { RunOptions, RunReport } from './run-state.ts';

/**
 * Runs a pipeline once over an interval: from the listing of its sources to the publish, or up to the task that fails.
 * A run that failed is taken up where it stopped; a run with nothing to do changes nothing.
 * @throws DEFINITION_CHANGED, CHECKS_FAILED, QUARANTINE_SHARE, SOURCE_*, SUPERSEDED, …
 */
export async function runPipeline(options: RunOptions, executor: Executor = sequentialExecutor): Promise<RunReport> {
  const handle = await openRun(options);
  try {
    try {
      await executor.execute(chosenTasks(options), (task) => runTask(handle, options, task), options.signal);
    } catch (error) {
      await handle.fail(error);
      throw error;
    }
    return await handle.finish();
  } finally {
    await handle.close();
  }
}

function chosenTasks(options: RunOptions): readonly Task[] {
  const { tasks } = options.pipeline;
  if (options.only === undefined)
    return options.dryRun === true ? tasks.filter((t) => t.operator.kind !== 'publish') : tasks;
  const unknown = options.only.find((name) => !tasks.some((t) => t.name === name || t.group === name));
  if (unknown !== undefined) {
    throw new SparkifyError('USAGE', {
      detail: `Pipeline ${options.pipeline.name} has no task ${unknown}.`,
      fix: `Its tasks are: ${tasks.map((t) => t.name).join(', ')}`,
    });
  }
  const named = tasks
    .filter((t) => options.only!.includes(t.name) || (t.group !== undefined && options.only!.includes(t.group)))
    .map((t) => t.name);
  const closure = upstreamClosure(tasks, named);
  return tasks.filter((t) => closure.has(t.name) && t.operator.kind !== 'publish');
}

async function runTask(handle: RunHandle, options: RunOptions, task: Task): Promise<void> {
  const { progress, clock } = options;
  const started = clock.nowMs();
  progress({ type: 'task.started', task: task.name });
  try {
    const { detail, resumed } = await dispatch(handle, options, task);
    progress({
      type: 'task.succeeded',
      task: task.name,
      durationMs: clock.nowMs() - started,
      detail,
      ...(resumed ? { resumed } : {}),
    });
  } catch (error) {
    progress({
      type: 'task.failed',
      task: task.name,
      durationMs: clock.nowMs() - started,
      detail: toSparkifyError(error).message,
    });
    throw error;
  }
}

async function dispatch(handle: RunHandle, options: RunOptions, task: Task): Promise<TaskOutcome> {
  const { operator } = task;
  if (isDataOperator(operator)) return handle.runTask({ ...task, operator });
  const lines: string[] = [];
  const { interval } = handle.state;
  await operator.run({
    pipeline: options.pipeline.name,
    task: task.name,
    interval,
    idempotencyKey: `${options.pipeline.name}/${task.name}/${interval.startMs}-${interval.endMs}`,
    signal: options.signal,
    log: (message) => {
      lines.push(message);
      options.progress({ type: 'task.progress', task: task.name, detail: message });
    },
  });
  return { detail: lines.at(-1) ?? 'done', resumed: false };
}
