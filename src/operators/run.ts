import { SparkifyError, toSparkifyError } from '../core/errors.ts';
import { upstreamClosure } from '../pipeline/dag.ts';
import { isNamed, type Task } from '../pipeline/task.ts';
import { type DataTask, isDataOperator, stagingsBeside } from './data-task.ts';
import { directFunctions } from './direct-functions.ts';
import { type Executor, sequentialExecutor, type TaskEnding } from './executor.ts';
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
      const runFunction = directFunctions(handle.state);
      const tasks = chosenTasks(options);
      await executor.execute(
        tasks,
        (task) => runTask(handle, options, runFunction, task, readyStagings(task, tasks)),
        options.signal,
        (task, detail) => options.progress({ type: 'task.skipped', task: task.name, detail }),
      );
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
  if (options.only === undefined) return options.dryRun === true ? beforePublish(tasks) : tasks;
  const unknown = options.only.find((name) => !tasks.some((t) => isNamed(t, name)));
  if (unknown !== undefined) {
    throw new SparkifyError('USAGE', {
      detail: `Pipeline ${options.pipeline.name} has no task ${unknown}.`,
      fix: `Its tasks are: ${tasks.map((t) => t.name).join(', ')}`,
    });
  }
  const named = tasks.filter((t) => options.only!.some((name) => isNamed(t, name))).map((t) => t.name);
  const closure = upstreamClosure(tasks, named);
  return tasks.filter((t) => closure.has(t.name) && t.operator.kind !== 'publish');
}

/** Without what publishes, and what only follows a publish. */
function beforePublish(tasks: readonly Task[]): readonly Task[] {
  const publishes = tasks.filter((t) => t.operator.kind === 'publish').map((t) => t.name);
  return tasks.filter((t) => {
    const before = upstreamClosure(tasks, [t.name]);
    return !publishes.some((name) => before.has(name));
  });
}

/** Stagings that could begin now, beside this task. */
function readyStagings(task: Task, tasks: readonly Task[]): readonly DataTask[] {
  const beside = stagingsBeside(task, tasks);
  if (task.operator.kind !== 'stage') return beside;
  // They wait for what this one has waited for, and no function is among that.
  if (!task.after.every((name) => tasks.some((t) => t.name === name && isDataOperator(t.operator)))) return [];
  return beside.filter((t) => t.after.join('\n') === task.after.join('\n'));
}

async function runTask(
  handle: RunHandle,
  options: RunOptions,
  runFunction: ReturnType<typeof directFunctions>,
  task: Task,
  ahead: readonly DataTask[],
): Promise<TaskEnding> {
  const { progress, clock } = options;
  const started = clock.nowMs();
  progress({ type: 'task.started', task: task.name });
  try {
    const { operator } = task;
    const { detail, ...ending } = isDataOperator(operator)
      ? { state: 'succeeded' as const, ...(await handle.runTask({ ...task, operator }, { ahead })) }
      : await runFunction({ ...task, operator });
    if (ending.state === 'skipped') progress({ type: 'task.skipped', task: task.name, detail });
    else
      progress({
        type: 'task.succeeded',
        task: task.name,
        durationMs: clock.nowMs() - started,
        detail,
        ...('resumed' in ending && ending.resumed ? { resumed: true } : {}),
      });
    return ending;
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
