import { errorText, isSparkifyError, SparkifyError } from '../core/errors.ts';
import { chosenTasks } from '../pipeline/branching.ts';
import { upstreamClosure } from '../pipeline/dag.ts';
import type { ResolvedPipeline } from '../pipeline/define.ts';
import type { FunctionContext, Giving, LogLevel, SensorLook } from '../pipeline/function-context.ts';
import type { Interval } from '../pipeline/interval.ts';
import { type JsonValue, requireElements, requireValue } from '../pipeline/json-value.ts';
import type { FunctionOperator, Look } from '../pipeline/operator.ts';
import type { Task } from '../pipeline/task.ts';
import type { Source } from '../sources/source.ts';
import { lookForObjects } from './look-for-objects.ts';
import { runInThread } from './run-in-thread.ts';
import type { LookListener } from './source-look.ts';

export interface FunctionTask extends Task {
  readonly operator: FunctionOperator;
}

/** What carries out a function of the user, and what it lends it. */
export interface FunctionHost {
  readonly pipeline: ResolvedPipeline;
  readonly interval: Interval;
  /** 1 for the first try. */
  readonly attempt: number;
  /** Undefined in a direct run. */
  readonly runId: number | undefined;
  readonly signal: AbortSignal;
  /** Which instance of a mapped task; without it a mapped task is asked for its elements. */
  readonly element?: { readonly index: number; readonly input: JsonValue };
  readonly log: (message: string, level: LogLevel) => void;
  /** The value of a task before this one; undefined when it gave none. */
  readonly givenBy: (task: string) => Promise<JsonValue | undefined>;
  /** Its `root` may need credentials; closed after the look. */
  readonly openSource: (root: string) => Promise<Source>;
  /** Told what a look for objects showed. */
  readonly onLook?: LookListener;
}

/** What came of it; each has one line for people. */
export type FunctionResult =
  | { readonly kind: 'done'; readonly detail: string; readonly value: JsonValue | undefined }
  | { readonly kind: 'skipped'; readonly detail: string }
  /** Of a branch: the tasks directly after it that go on. */
  | { readonly kind: 'chosen'; readonly detail: string; readonly chosen: readonly string[] }
  /** Of a sensor; what follows when it is not ready is judged by `afterLook` (pipeline/sensor.ts). */
  | { readonly kind: 'looked'; readonly detail: string; readonly ready: boolean }
  /** Of a mapped task: the inputs of its instances. */
  | { readonly kind: 'expanded'; readonly detail: string; readonly inputs: readonly JsonValue[] };

/** Thrown by `skip`; ends the function, caught here. */
class Skipped extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * Carries out a call, branch, look of a sensor, mapped task (its elements, or one of them) or thread.
 * @throws FUNCTION_FAILED, FUNCTION_GAVE_UP, BRANCH_UNKNOWN, VALUE_*, THREAD_INVALID, SOURCE_*; the signal's reason once
 *   it aborted
 */
export async function runFunctionTask(task: FunctionTask, host: FunctionHost): Promise<FunctionResult> {
  let last: string | undefined;
  const context = functionContext(task, host, (message) => {
    last = message;
  });
  host.signal.throwIfAborted();
  try {
    return await carryOut(task, host, context, () => last ?? 'done');
  } catch (error) {
    if (error instanceof Skipped) return { kind: 'skipped', detail: error.reason };
    if (host.signal.aborted && isSparkifyError(host.signal.reason)) throw host.signal.reason;
    if (isSparkifyError(error)) throw error;
    throw new SparkifyError('FUNCTION_FAILED', { task: task.name, detail: errorText(error) }, { cause: error });
  }
}

async function carryOut(
  { name, operator }: FunctionTask,
  host: FunctionHost,
  context: FunctionContext,
  lastLine: () => string,
): Promise<FunctionResult> {
  const giver = { pipeline: host.pipeline.name, task: name };
  const done = (value: unknown): FunctionResult => {
    const given = requireValue(giver, value);
    return { kind: 'done', detail: lastLine(), value: given };
  };
  switch (operator.kind) {
    case 'function':
      return done(await operator.run(context));
    case 'branch': {
      const chosen = chosenTasks(host.pipeline.tasks, name, await operator.choose(context));
      return { kind: 'chosen', detail: chosen.length === 0 ? 'nothing goes on' : `on to ${chosen.join(', ')}`, chosen };
    }
    case 'sensor':
      return looked(await operator.look(context));
    case 'wait-for-objects':
      return looked(await lookForObjects(operator.staging, host));
    case 'mapped': {
      if (host.element !== undefined) return done(await operator.run(context, host.element.input));
      const inputs = requireElements(giver, await operator.over(context));
      return { kind: 'expanded', detail: `${inputs.length} ${inputs.length === 1 ? 'element' : 'elements'}`, inputs };
    }
    case 'thread': {
      const { input } = operator;
      const given = requireValue(giver, typeof input === 'function' ? await input(context) : input);
      return done(await runInThread(operator, given, context));
    }
  }
}

function looked(look: Look): FunctionResult {
  const { ready, detail }: SensorLook = typeof look === 'boolean' ? { ready: look } : look;
  return { kind: 'looked', ready: ready === true, detail: detail ?? (ready ? 'there' : 'not there yet') };
}

function functionContext(task: FunctionTask, host: FunctionHost, onLine: (line: string) => void): FunctionContext {
  const { pipeline, interval, element } = host;
  const cell = `${pipeline.name}/${task.name}/${interval.startMs}-${interval.endMs}`;
  return {
    pipeline: pipeline.name,
    task: task.name,
    interval,
    params: pipeline.params,
    attempt: host.attempt,
    runId: host.runId,
    idempotencyKey: element === undefined ? cell : `${cell}/${element.index}`,
    signal: host.signal,
    log: (message, level = 'info') => {
      onLine(message);
      host.log(message, level);
    },
    value: async (asked: string | Giving<unknown>): Promise<never> => {
      const name = typeof asked === 'string' ? asked : asked.name;
      const before = upstreamClosure(pipeline.tasks, task.after);
      if (!before.has(name))
        throw new SparkifyError('VALUE_UNKNOWN', { task: task.name, asked: name, known: [...before] });
      // The type is the caller's word about what that task gives.
      return (await host.givenBy(name)) as never;
    },
    skip: (reason) => {
      throw new Skipped(reason);
    },
    giveUp: (reason) => {
      throw new SparkifyError('FUNCTION_GAVE_UP', { task: task.name, detail: reason });
    },
  };
}
