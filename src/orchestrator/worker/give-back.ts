import type { TaskQueue } from '../queue/queue.ts';
import type { Store } from '../store/store.ts';
import type { HeldRuns } from './held-runs.ts';
import type { KnownRuns } from './run-facts.ts';

/**
 * Lets go of held runs whose data tasks have all ended, and gives back in the store what is closed here.
 * @param busy runs of which a data task is under way, or not told yet
 */
export async function giveBackRuns({ store, queue, held, runs, id }: Giving, busy: ReadonlySet<number>): Promise<void> {
  const idle = held.ids().filter((run) => !busy.has(run));
  if (idle.length > 0) {
    const open = await store.db
      .selectFrom('tasks')
      .select('run_id')
      .distinct()
      .where('run_id', 'in', idle)
      .where('data', '=', 1)
      .where('state', 'in', ['waiting', 'ready', 'running', 'expanded'])
      .execute();
    const unfinished = new Set(open.map((r) => r.run_id));
    for (const run of (await runs.of(idle)).values()) if (!unfinished.has(run.id)) await held.letGo(run, true);
  }
  for (const run of held.takeClosed(busy)) await queue.releaseRun(id, run);
}

interface Giving {
  readonly store: Store;
  readonly queue: TaskQueue;
  readonly held: HeldRuns;
  readonly runs: KnownRuns;
  /** The worker's. */
  readonly id: string;
}
