import { RunChanges } from '../runs/run-changes.ts';
import { createRunGraphs, type RunGraphs } from '../runs/run-graph.ts';
import { settle } from '../runs/settle.ts';
import { sqlWords } from '../runs/sql-words.ts';
import type { Store, StoreTransaction } from '../store/store.ts';
import { claimTasks } from './claim.ts';
import { endAttempts } from './complete.ts';
import { EXPIRE_AT_ONCE, endHold, takeBackExpired } from './expire.ts';
import { Fairness } from './fairness.ts';
import { renewHolds } from './hold.ts';
import type { Claim, ClaimedTask, Completion, TaskQueue } from './queue.ts';
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
  const complete = async (tx: StoreTransaction, completions: readonly Completion[]): Promise<readonly Claim[]> => {
    if (completions.length === 0) return [];
    const changes = new RunChanges(tx, graphs);
    const refused = await endAttempts(changes, completions, random);
    await settle(changes);
    return refused;
  };
  /** Counted after the commit: a transaction may be tried several times. */
  const took = ({ claimed, begunHolds }: Awaited<ReturnType<typeof claimTasks>>): readonly ClaimedTask[] => {
    fairness.tasks.took(claimed.length);
    fairness.holds.took(begunHolds);
    return claimed;
  };
  return {
    claim: async (request) => took(await store.write((tx) => claimTasks(tx, fairness, request))),
    renew: (claims, leaseMs) => store.write((tx) => renewClaims(tx, claims, leaseMs)),
    complete: async (completions) => {
      if (completions.length === 0) return [];
      return store.write((tx) => complete(tx, completions));
    },
    completeAndClaim: async (completions, request) => {
      const { refused, claim } = await store.write(async (tx) => ({
        refused: await complete(tx, completions),
        claim: await claimTasks(tx, fairness, request),
      }));
      return { refused, claimed: took(claim) };
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
