import type { Interval } from './interval.ts';
import type { JsonValue } from './json-value.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** A task that gives a value of type `T` to those after it. */
export interface Giving<T> {
  readonly name: string;
  /** Never there; carries the type. */
  readonly gives?: T;
}

/** What a function of the user is called with. */
export interface FunctionContext {
  readonly pipeline: string;
  readonly task: string;
  readonly interval: Interval;
  /** The pipeline's parameters. */
  readonly params: Readonly<Record<string, unknown>>;
  /** 1 for the first try. */
  readonly attempt: number;
  /** Number of the durable run; undefined in a direct one. */
  readonly runId: number | undefined;
  /** The same for every attempt at the same interval (and element): what outside effects are made once by. */
  readonly idempotencyKey: string;
  /** Aborts when the run is cancelled, the time is up, or the process goes down. */
  readonly signal: AbortSignal;
  /** A line of the task's log, shown as its progress. @param level default 'info' */
  log(message: string, level?: LogLevel): void;
  /**
   * The value that a task before this one gave (directly or not); undefined when it gave none. Of a mapped task: the
   * values of its elements, in their order, null for those that gave none.
   * @throws VALUE_UNKNOWN for a task that does not come before this one
   */
  value<T>(task: Giving<T>): Promise<T | undefined>;
  value(task: string): Promise<JsonValue | undefined>;
  /** Ends the task as skipped; tasks after it are judged by their trigger. */
  skip(reason: string): never;
  /** Ends the task as failed for good: it is not tried again. */
  giveUp(reason: string): never;
}

/** What a sensor saw. */
export interface SensorLook {
  readonly ready: boolean;
  /** One line for people: what is there, or what is not. */
  readonly detail?: string;
}

/** What a function in a thread is called with besides its input: only what can be copied. */
export type ThreadContext = Pick<
  FunctionContext,
  'pipeline' | 'task' | 'interval' | 'params' | 'attempt' | 'runId' | 'idempotencyKey' | 'log'
>;
