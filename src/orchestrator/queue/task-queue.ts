import { RunChanges } from '../runs/run-changes.ts';
import { createRunGraphs, type RunGraphs } from '../runs/run-graph.ts';
import { settle } from '../runs/settle.ts';
import { sqlWords } from '../runs/sql-words.ts';
import type { Store } from '../store/store.ts';
import { claimTasks } from './claim.ts';
import { endAttempts } from './complete.ts';
import { EXPIRE_AT_ONCE, endHold, takeBackExpired } from './expire.ts';
import { Fairness } from './fairness.ts';
import { renewHolds } from './hold.ts';
import type { TaskQueue } from './queue.ts';
import { renewClaims } from './renew.ts';

export interface TaskQueueOptions {
  /** From 0 to below 1, for the jitter of retries. */
  readonly random: () => number;
  /** A task whose worker died so often while it ran is set aside. @default 3 */
  readonly maxCrashes?: number;
  /** Shared with whoever makes and changes runs. @default its own */
  readonly graphs?: RunGraphs;
}

const DEFAULT_MAX_CRASHES = 3;

/** The queue over a store; one per worker, because fairness is counted by it. Time is the store's clock. */
export function createTaskQueue(store: Store, options: TaskQueueOptions): TaskQueue {
  const { random, maxCrashes = DEFAULT_MAX_CRASHES, graphs = createRunGraphs() } = options;
  const fairness = { tasks: new Fairness(), holds: new Fairness() };
  return {
    claim: async (request) => {
      const { claimed, begunHolds } = await store.write((tx) => claimTasks(tx, fairness, request));
      fairness.tasks.took(claimed.length);
      fairness.holds.took(begunHolds);
      return claimed;
    },
    renew: (claims, leaseMs) => store.write((tx) => renewClaims(tx, claims, leaseMs)),
    complete: async (completions) => {
      if (completions.length === 0) return [];
      return store.write(async (tx) => {
        const changes = new RunChanges(tx, graphs);
        const refused = await endAttempts(changes, completions, random);
        await settle(changes);
        return refused;
      });
    },
    expire: async () => {
      let total = 0;
      for (let count = EXPIRE_AT_ONCE; count >= EXPIRE_AT_ONCE; total += count) {
        count = await store.write(async (tx) => {
          const changes = new RunChanges(tx, graphs);
          const taken = await takeBackExpired(changes, maxCrashes);
          await settle(changes);
          return taken;
        });
      }
      return total;
    },
    renewHolds: (worker, runIds, leaseMs) =>
      store.write((tx) => renewHolds(tx, sqlWords(tx.capabilities), runIds, { worker, untilMs: tx.nowMs + leaseMs })),
    releaseRun: (worker, runId) =>
      store.write(async (tx) => {
        const changes = new RunChanges(tx, graphs);
        await endHold(changes, worker, runId);
        await settle(changes);
      }),
    nextReadyMs: () =>
      store.write(async (tx) => {
        const [row] = await tx.all<{ next: number | null }>(
          "select min(ready_at_ms) as next from tasks where state = 'ready' and ready_at_ms > $1",
          [tx.nowMs],
        );
        return row?.next ?? undefined;
      }),
  };
}
