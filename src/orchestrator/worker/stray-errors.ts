import { AsyncLocalStorage } from 'node:async_hooks';

/** Whose code it is that runs. */
export interface ErrorOwner {
  /** Something it began, and nobody waits for, has failed. */
  stray(error: unknown): void;
}

/**
 * Errors that nobody catches: a promise that a function began and did not await, a callback of a timer that throws. Node
 * would end the process, and every task in it. Each task's code runs within an asynchronous context of its own, so that
 * such an error is known for the task's and fails that task alone; what belongs to none is told to `onUnowned`, after
 * which the process cannot be trusted.
 */
export interface StrayErrors {
  within<T>(owner: ErrorOwner, work: () => T): T;
  /** From now on Node's own way again. */
  stop(): void;
}

export function catchStrayErrors(onUnowned: (error: unknown) => void): StrayErrors {
  const owners = new AsyncLocalStorage<ErrorOwner>();
  const onError = (error: unknown): void => {
    const owner = owners.getStore();
    if (owner === undefined) onUnowned(error);
    else owner.stray(error);
  };
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', onError);
  return {
    within: (owner, work) => owners.run(owner, work),
    stop: () => {
      process.off('uncaughtException', onError);
      process.off('unhandledRejection', onError);
      owners.disable();
    },
  };
}

/** Leaves stray errors to Node, which ends the process. */
export const uncaught: StrayErrors = { within: (_, work) => work(), stop: () => {} };
