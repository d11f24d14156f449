import { SparkifyError } from '../core/errors.ts';
import { directlyAfter } from './branching.ts';
import type { Task } from './task.ts';
import { taskOptionsProblem } from './task-options.ts';

/** Whatever can be wrong in tasks and their options before any of them runs. @throws PIPELINE_INVALID */
export function validateTasks(pipeline: string, tasks: readonly Task[], pools: Readonly<Record<string, number>>): void {
  const fail = (detail: string, fix?: string): never => {
    throw new SparkifyError('PIPELINE_INVALID', { pipeline, detail, ...(fix === undefined ? {} : { fix }) });
  };
  for (const [pool, slots] of Object.entries(pools)) {
    if (!Number.isSafeInteger(slots) || slots < 1)
      fail(`pool ${pool} has ${slots} slots, so no task could ever run in it`, 'Give it a whole number from 1 on.');
  }
  for (const task of tasks) {
    const { name, options } = task;
    if (!/^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u.test(name))
      fail(`"${name}" is no name of a task`, 'Letters, digits, "_", "-" and "." make one.');
    const problem = taskOptionsProblem(options) ?? operatorProblem(task, tasks);
    if (problem !== undefined) fail(`task ${name}: ${problem}`);
    const slots = options.pool === undefined ? undefined : pools[options.pool];
    if (slots !== undefined && options.poolSlots > slots)
      fail(
        `task ${name} takes ${options.poolSlots} slots of pool ${options.pool}, which has ${slots}`,
        'Give the pool more slots, or let the task take fewer.',
      );
  }
}

function operatorProblem(task: Task, tasks: readonly Task[]): string | undefined {
  const { operator } = task;
  switch (operator.kind) {
    case 'branch':
      return directlyAfter(tasks, task.name).length === 0 ? 'it is a branch, and nothing comes after it' : undefined;
    case 'sensor':
    case 'wait-for-objects':
      if (operator.timing.everyMs < 1) return 'it would look without a pause; `every` must be longer than 0';
      return operator.timing.timeoutMs < 1 ? 'its timeout is 0; without waiting, `call` does the same' : undefined;
    case 'thread':
      return operator.module.startsWith('file:')
        ? undefined
        : `"${operator.module}" is no module; write new URL('./file.ts', import.meta.url)`;
    default:
      return undefined;
  }
}
