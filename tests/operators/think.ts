/** Functions that tests call in threads. */

import { threadId } from 'node:worker_threads';
import type { ThreadContext } from 'sparkify';

export function double(input: number, context: ThreadContext): { result: number; thread: number; key: string } {
  context.log(`doubling ${input}`);
  return { result: input * 2, thread: threadId, key: context.idempotencyKey };
}

export async function fail(): Promise<never> {
  throw new RangeError('too hard');
}

/** Holds its thread for good. */
export function spin(_: unknown, context: ThreadContext): never {
  context.log('spinning');
  for (;;);
}

export function leave(): never {
  process.exit(3);
}

export const notAFunction = 3;
