import type { Clock } from '../../core/clock.ts';
import type { TaskQueue } from '../queue/queue.ts';
import type { Store } from '../store/store.ts';
import type { ProcessIdentity } from '../worker/process-identity.ts';
import { buryDeadWorkers, hasDeadWorkers } from '../worker/registry.ts';
import type { ClockWatch } from './watch-clock.ts';

export interface RecoverOptions {
  readonly store: Store;
  readonly queue: TaskQueue;
  readonly identity: ProcessIdentity;
  readonly clock: Clock;
  /** Nobody is judged by a clock that has just jumped. @default it is trusted */
  readonly clockWatch?: ClockWatch;
  /** @default 3_000 */
  readonly everyMs?: number;
}

const EVERY_MS = 3_000;
const UNSETTLED_MS = 1_000;

/** Takes up what the dead have left: their leases end, their tasks and runs are others'. */
export async function recoverStep(options: RecoverOptions): Promise<number> {
  const { store, queue, identity, clock, clockWatch, everyMs = EVERY_MS } = options;
  // A jump since the last look would make everybody look dead.
  await clockWatch?.look();
  if (clockWatch?.unsettled === true) return Math.min(UNSETTLED_MS, everyMs);
  if (await hasDeadWorkers(store, identity, clock.nowMs())) await buryDeadWorkers(store, identity);
  await queue.expire();
  return everyMs;
}
