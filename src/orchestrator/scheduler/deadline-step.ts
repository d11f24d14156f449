import type { Clock } from '../../core/clock.ts';
import { listOf, sqlWords } from '../runs/sql-words.ts';
import type { Store } from '../store/store.ts';

/** Runs that are told late in one transaction. */
const AT_ONCE = 500;

/**
 * Tells once of each run that is not over when its deadline has passed.
 * @returns in how many milliseconds the next deadline passes; undefined: there is none
 */
export async function deadlineStep(store: Store, clock: Clock): Promise<number | undefined> {
  const next = await nextDeadline(store);
  if (next === undefined) return undefined;
  const inMs = next - clock.nowMs();
  if (inMs > 0) return inMs;
  return store.write(async (tx) => {
    const words = sqlWords(tx.capabilities);
    // Locked and looked at again before they are told of: somebody else may just have done it.
    const late = await tx.all<{ id: number; pipeline: string; deadline_ms: number }>(
      `select id, pipeline, deadline_ms from runs
       where late = 0 and deadline_ms <= $1 and state in ('queued', 'running', 'cancelling')
       order by id limit ${AT_ONCE}${words.forUpdate}`,
      [tx.nowMs],
    );
    await tx.run(`update runs set late = 1 where id ${words.amongIds('$1')}`, [listOf(late.map((r) => r.id))]);
    for (const run of [...late].sort((a, b) => a.deadline_ms - b.deadline_ms || a.id - b.id))
      tx.emit({ type: 'run.late', pipeline: run.pipeline, runId: run.id, deadlineMs: run.deadline_ms });
    if (late.length >= AT_ONCE) return 0;
    const [row] = await tx.all<{ next: number | null }>(
      `select min(deadline_ms) as next from runs
       where late = 0 and deadline_ms is not null and state in ('queued', 'running', 'cancelling')`,
    );
    return row?.next == null ? undefined : Math.max(0, row.next - tx.nowMs);
  });
}

async function nextDeadline(store: Store): Promise<number | undefined> {
  const row = await store.db
    .selectFrom('runs')
    .select((eb) => eb.fn.min('deadline_ms').as('next'))
    .where('late', '=', 0)
    .where('deadline_ms', 'is not', null)
    .where('state', 'in', ['queued', 'running', 'cancelling'])
    .executeTakeFirst();
  return row?.next == null ? undefined : Number(row.next);
}
