import { isDataOperator } from '../pipeline/operator.ts';
import type { Task } from '../pipeline/task.ts';
import { judgeTrigger } from '../pipeline/trigger.ts';

/** How a task that was carried out ended; one that failed throws. */
export interface TaskEnding {
  readonly state: 'succeeded' | 'skipped';
  /** Of a branch: the tasks directly after it that go on. */
  readonly chosen?: readonly string[];
}

/** How the tasks of a run are carried out in one process. */
export interface Executor {
  /**
   * Runs the tasks, each after those it waits for and as its trigger says; rejects with the first failure, after which
   * only those start that are there for it: functions with the trigger all_done or any_failed.
   */
  execute(
    tasks: readonly Task[],
    run: (task: Task) => Promise<TaskEnding>,
    signal: AbortSignal,
    onSkip?: (task: Task, reason: string) => void,
  ): Promise<void>;
}

/** One task after the other, in topological order, in this process. */
export const sequentialExecutor: Executor = {
  execute: async (tasks, run, signal, onSkip) => {
    const ends = new Map<string, TaskEnding['state'] | 'failed'>();
    const chosen = new Map<string, readonly string[]>();
    const failures: unknown[] = [];
    for (const task of tasks) {
      if (signal.aborted) throw failures[0] ?? signal.reason;
      // Of a selection of tasks, those before it that were left out do not count.
      const before = task.after.flatMap((name) => ends.get(name) ?? []);
      const left = task.after.find((name) => chosen.get(name)?.includes(task.name) === false);
      const judged =
        left !== undefined
          ? 'skipped'
          : judgeTrigger(task.options.trigger, {
              failed: before.filter((end) => end === 'failed').length,
              skipped: before.filter((end) => end === 'skipped').length,
            });
      const { trigger } = task.options;
      const forFailures = (trigger === 'all_done' || trigger === 'any_failed') && !isDataOperator(task.operator);
      if (judged === 'skipped') {
        ends.set(task.name, 'skipped');
        onSkip?.(task, left === undefined ? skipReason(task) : `${left} chose otherwise`);
      } else if (judged === 'upstream_failed' || (failures.length > 0 && !forFailures)) {
        ends.set(task.name, 'failed');
      } else {
        try {
          const ending = await run(task);
          ends.set(task.name, ending.state);
          if (ending.chosen !== undefined) chosen.set(task.name, ending.chosen);
        } catch (error) {
          failures.push(error);
          ends.set(task.name, 'failed');
        }
      }
    }
    if (failures.length > 0) throw failures[0];
  },
};

function skipReason(task: Task): string {
  return task.options.trigger === 'any_failed' ? 'nothing before it failed' : 'a task before it was skipped';
}
