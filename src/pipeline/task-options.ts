import { type Duration, durationMs } from './duration.ts';
import type { RetryPolicy, TriggerRule } from './graph.ts';
import { type RetryOptions, retryPolicy, retryProblem } from './retry.ts';
import { triggerRules } from './trigger.ts';

/** How a task is carried out; every builder of tasks takes these last. Nothing here changes what is loaded. */
export interface TaskOptions {
  /** @default the pipeline's, else 0 */
  readonly retries?: number | RetryOptions;
  /** Of one attempt. @default the pipeline's, else none */
  readonly timeout?: Duration;
  /** @default 'all_succeeded' */
  readonly trigger?: TriggerRule;
  /** Name of a pool that the task takes slots of while it runs. @default none */
  readonly pool?: string;
  /** @default 1 */
  readonly poolSlots?: number;
  /** Only workers that serve this queue run it. @default the pipeline's, else 'default' */
  readonly queue?: string;
  /** Of tasks that are ready, the one with the smaller number goes first. @default 0 */
  readonly priority?: number;
  /** Starts only when the same task of the interval before it succeeded. @default false */
  readonly dependsOnPast?: boolean;
}

/** What a pipeline says for all its tasks that do not say it themselves. */
export type TaskDefaults = Pick<TaskOptions, 'retries' | 'timeout' | 'pool' | 'queue' | 'priority' | 'dependsOnPast'>;

export interface ResolvedTaskOptions {
  readonly retries: RetryPolicy;
  readonly timeoutMs: number | undefined;
  readonly trigger: TriggerRule;
  readonly pool: string | undefined;
  readonly poolSlots: number;
  readonly queue: string;
  readonly priority: number;
  readonly dependsOnPast: boolean;
}

const defaults = {
  trigger: 'all_succeeded',
  poolSlots: 1,
  queue: 'default',
  priority: 0,
  dependsOnPast: false,
} as const satisfies TaskOptions;

/** The options in full: the task's own, then the pipeline's, then the built-in ones. @throws DURATION_INVALID */
export function resolveTaskOptions(task: string, given: TaskOptions, pipeline: TaskDefaults): ResolvedTaskOptions {
  const where = `task ${task}`;
  const all = { ...defaults, ...defined(pipeline), ...defined(given) };
  return {
    retries: retryPolicy(all.retries, where),
    timeoutMs: all.timeout === undefined ? undefined : durationMs(all.timeout, `${where}: timeout`),
    trigger: all.trigger,
    pool: all.pool,
    poolSlots: all.poolSlots,
    queue: all.queue,
    priority: all.priority,
    dependsOnPast: all.dependsOnPast,
  };
}

/** What is wrong with the options, for a person; undefined when nothing is. */
export function taskOptionsProblem(options: ResolvedTaskOptions): string | undefined {
  if (options.timeoutMs === 0) return 'its timeout is 0, so it could never end in time';
  if (!triggerRules.includes(options.trigger))
    return `"${options.trigger}" is no trigger (there are: ${triggerRules.join(', ')})`;
  if (!Number.isSafeInteger(options.poolSlots) || options.poolSlots < 1)
    return `it must take a whole number of pool slots from 1 on, not ${options.poolSlots}`;
  if (options.pool === '') return 'the name of its pool is empty';
  if (options.pool === undefined && options.poolSlots !== 1) return 'it takes several slots, but names no pool';
  if (options.queue.trim() === '') return 'the name of its queue is empty';
  if (!Number.isSafeInteger(options.priority)) return `its priority must be a whole number, not ${options.priority}`;
  return retryProblem(options.retries);
}

/** An option that is there and undefined is not given. */
function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
