import { SparkifyError } from '../core/errors.ts';
import type { JsonValue } from '../pipeline/json-value.ts';
import type { TaskEnding } from './executor.ts';
import { type FunctionHost, type FunctionResult, type FunctionTask, runFunctionTask } from './function-task.ts';
import { type RunState, warn } from './run-state.ts';

/**
 * Functions, branches, sensors, mapped tasks and threads in a direct run: tried once, a sensor looks once, elements
 * follow one another, and values are kept for the tasks of this run.
 * @throws SENSOR_TIMED_OUT when a sensor whose end is a failure sees nothing; as runFunctionTask
 */
export function directFunctions(state: RunState): (task: FunctionTask) => Promise<TaskEnding & { detail: string }> {
  const { options } = state;
  const values = new Map<string, JsonValue>();
  return async (task) => {
    const host: FunctionHost = {
      pipeline: options.pipeline,
      interval: state.interval,
      attempt: 1,
      runId: undefined,
      signal: options.signal,
      log: (message) => options.progress({ type: 'task.progress', task: task.name, detail: message }),
      givenBy: async (name) => values.get(name),
      openSource: options.openSource,
    };
    const result = await runFunctionTask(task, host);
    switch (result.kind) {
      case 'done':
        if (result.value !== undefined) values.set(task.name, result.value);
        return { state: 'succeeded', detail: result.detail };
      case 'skipped':
        return { state: 'skipped', detail: result.detail };
      case 'chosen':
        return { state: 'succeeded', chosen: result.chosen, detail: result.detail };
      case 'expanded': {
        const given: JsonValue[] = [];
        for (const [index, input] of result.inputs.entries()) {
          options.signal.throwIfAborted();
          const one = await runFunctionTask(task, { ...host, element: { index, input } });
          given.push((one.kind === 'done' ? one.value : undefined) ?? null);
        }
        values.set(task.name, given);
        return { state: 'succeeded', detail: result.detail };
      }
      case 'looked':
        return afterOnlyLook(state, task, result);
    }
  };
}

function afterOnlyLook(
  state: RunState,
  { name, operator }: FunctionTask,
  { ready, detail }: Extract<FunctionResult, { kind: 'looked' }>,
): TaskEnding & { detail: string } {
  if (ready) return { state: 'succeeded', detail };
  const outcome = ((): 'fail' | 'skip' | 'succeed' => {
    if (operator.kind === 'wait-for-objects')
      return operator.inDirectRun === 'empty' ? 'succeed' : operator.inDirectRun;
    return operator.kind === 'sensor' ? operator.timing.onTimeout : 'fail';
  })();
  switch (outcome) {
    case 'succeed':
      // Said aloud once: a staging that is read says the same of its missing objects.
      if (operator.kind !== 'wait-for-objects') warn(state, `${name}: ${detail}; goes on without`);
      return { state: 'succeeded', detail: `${detail}; goes on without` };
    case 'skip':
      return { state: 'skipped', detail };
    case 'fail':
      throw new SparkifyError('SENSOR_TIMED_OUT', { task: name, detail: `${detail} (a direct run looks once)` });
  }
}
