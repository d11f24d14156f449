import type { Task } from '../pipeline/task.ts';

/** How the tasks of a run are carried out. The scheduler's executor will be another implementation of this interface. */
export interface Executor {
  /** Runs the tasks, each after those it waits for; rejects with the first failure, after which no task starts. */
  execute(tasks: readonly Task[], run: (task: Task) => Promise<void>, signal: AbortSignal): Promise<void>;
}

/** One task after the other, in topological order, in this process. */
export const sequentialExecutor: Executor = {
  execute: async (tasks, run, signal) => {
    for (const task of tasks) {
      signal.throwIfAborted();
      await run(task);
    }
  },
};
