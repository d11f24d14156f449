import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Duration, durationMs } from './duration.ts';
import type { FunctionContext, Giving } from './function-context.ts';
import type { JsonValue } from './json-value.ts';
import type { Choice, Look, ThreadInput } from './operator.ts';
import type { Staging } from './tables.ts';
import { single, type TaskSet } from './task.ts';
import type { TaskOptions } from './task-options.ts';

/** Calls a function, at least once; what it returns, if anything, must be JSON and is its value for later tasks. */
export function call<T = void>(
  name: string,
  run: (context: FunctionContext) => Promise<T> | T,
  options: TaskOptions = {},
): TaskSet & Giving<T> {
  return { name, ...single(name, { kind: 'function', run }, options) };
}

/** A step of the graph that does nothing: a begin, an end, a place where ways meet. */
export function marker(name: string, options: TaskOptions = {}): TaskSet {
  return single(name, { kind: 'function', run: () => undefined, marker: true }, options);
}

/** Chooses which of the tasks or groups directly after it go on; the others are skipped. */
export function branch(
  name: string,
  choose: (context: FunctionContext) => Choice | Promise<Choice>,
  options: TaskOptions = {},
): TaskSet {
  return single(name, { kind: 'branch', choose }, options);
}

export interface SensorOptions extends Omit<TaskOptions, 'timeout'> {
  /** Whether it is there; between looks nothing is held. */
  readonly look: (context: FunctionContext) => Look | Promise<Look>;
  /** @default '1 minute' */
  readonly every?: Duration;
  /** Since the first look. @default '1 day' */
  readonly timeout?: Duration;
  /** succeed: go on without, and say so. @default 'fail' */
  readonly onTimeout?: 'fail' | 'skip' | 'succeed';
}

/** Waits until something is there. */
export function sensor(name: string, options: SensorOptions): TaskSet {
  const { look, every = '1 minute', timeout = '1 day', onTimeout = 'fail', ...given } = options;
  const timing = {
    everyMs: durationMs(every, `task ${name}: every`),
    timeoutMs: durationMs(timeout, `task ${name}: timeout`),
    onTimeout,
  };
  return single(name, { kind: 'sensor', look, timing }, given);
}

export interface WaitForObjectsOptions extends Omit<TaskOptions, 'timeout'> {
  readonly name?: string;
  /** @default '5 minutes' */
  readonly every?: Duration;
  /** How long after the interval's end objects may still come; an older interval is looked at once. @default '12 hours' */
  readonly grace?: Duration;
  /** Since the first look. @default '7 days' */
  readonly timeout?: Duration;
  /** What it means when they do not come. @default the staging's: 'empty' for empty, else 'fail' */
  readonly onMissing?: 'empty' | 'fail' | 'skip';
}

/**
 * Waits until each period of the interval has an object of the staging; of a staging without a template, until there is
 * any object. A direct run looks once and takes what is missing as empty, unless it was said that this is a failure.
 */
export function waitForObjects(staging: Staging, options: WaitForObjectsOptions = {}): TaskSet {
  const {
    name = staging.name.replace(/^(?:staging_)?/u, 'wait_for_'),
    every = '5 minutes',
    grace = '12 hours',
    timeout = '7 days',
    onMissing,
    ...given
  } = options;
  const inTheEnd = onMissing ?? (staging.onMissing === 'empty' ? 'empty' : 'fail');
  const timing = {
    everyMs: durationMs(every, `task ${name}: every`),
    timeoutMs: durationMs(timeout, `task ${name}: timeout`),
    graceMs: durationMs(grace, `task ${name}: grace`),
    onTimeout: inTheEnd === 'empty' ? ('succeed' as const) : inTheEnd,
  };
  const inDirectRun = onMissing ?? (staging.onMissing === 'fail' ? 'fail' : 'empty');
  return single(name, { kind: 'wait-for-objects', staging, timing, inDirectRun }, given);
}

export interface MappedOptions<I extends JsonValue, T> extends TaskOptions {
  /** The inputs, one an instance; there may be none. */
  readonly over: (context: FunctionContext) => readonly I[] | Promise<readonly I[]>;
  /** Called for each input; what it returns, if anything, must be JSON. */
  readonly run: (context: FunctionContext, input: I) => Promise<T> | T;
}

/** As many instances of one function as there is data for. */
export function mapped<I extends JsonValue, T = void>(
  name: string,
  options: MappedOptions<I, T>,
): TaskSet & Giving<readonly (T | null)[]> {
  const { over, run, ...given } = options;
  return {
    name,
    ...single(name, { kind: 'mapped', over, run: (context, input) => run(context, input as I) }, given),
  };
}

/** Calls an exported function of a module in a thread of its own, as `(input, ThreadContext)`; both are copied. */
export function thread<T extends JsonValue = JsonValue>(
  name: string,
  module: URL | string,
  exportName: string,
  options: TaskOptions & { readonly input?: ThreadInput } = {},
): TaskSet & Giving<T> {
  const { input, ...given } = options;
  const url = module instanceof URL ? module.href : isAbsolute(module) ? pathToFileURL(module).href : module;
  return { name, ...single(name, { kind: 'thread', module: url, export: exportName, input }, given) };
}
