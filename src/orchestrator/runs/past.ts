import type { StoreTransaction } from '../store/store.ts';
import type { CellRow, TaskInstance } from '../store/tables.ts';
import type { RunChanges } from './run-changes.ts';
import { sqlWords } from './sql-words.ts';

/**
 * The end of the interval before `startMs` for which the task still has to succeed; undefined when it did, or when there is
 * no earlier interval: neither a run of the pipeline with that task, nor an outcome of it that outlived its run. Intervals
 * that were passed over do not count.
 */
export async function missingPast(
  tx: StoreTransaction,
  pipeline: string,
  task: string,
  startMs: number,
): Promise<number | undefined> {
  const [run] = await tx.all<{ end_ms: number }>(
    `select r.end_ms from runs r
     where r.pipeline = $1 and r.end_ms <= $3
       and exists (select 1 from tasks t where t.run_id = r.id and t.task = $2 and t.map_index = -1)
     order by r.end_ms desc limit 1`,
    [pipeline, task, startMs],
  );
  const [cell] = await tx.all<{ end_ms: number; state: CellRow['state'] }>(
    `select end_ms, state from cells
     where pipeline = $1 and task = $2 and start_ms < $3 and end_ms <= $3 order by start_ms desc limit 1`,
    [pipeline, task, startMs],
  );
  const endMs = Math.max(run?.end_ms ?? Number.NEGATIVE_INFINITY, cell?.end_ms ?? Number.NEGATIVE_INFINITY);
  if (!Number.isFinite(endMs)) return undefined;
  if (cell?.end_ms === endMs && (cell.state === 'succeeded' || cell.state === 'skipped')) return undefined;
  const done = await tx.all(
    `select 1 from runs p join tasks s on s.run_id = p.id and s.task = $2 and s.map_index = -1
     where p.pipeline = $1 and ${covers('p', '$3')} and s.state in ('succeeded', 'skipped') limit 1`,
    [pipeline, task, endMs],
  );
  return done.length > 0 ? undefined : endMs;
}

/** The run's interval holds the moment before this one; found by its end, of which few are later. */
function covers(run: string, momentMs: string): string {
  return `${run}.end_ms >= ${momentMs} and ${run}.start_ms + 0 < ${momentMs}`;
}

/**
 * Frees the same tasks of later intervals that waited for these ends. Runs that somebody else has locked are left out, so
 * that locks are never waited for out of order: `freeForgotten` finds them a little later.
 */
export async function unlockFuture(
  changes: RunChanges,
  ended: readonly TaskInstance[],
): Promise<readonly TaskInstance[]> {
  const { tx, words } = changes;
  const done = ended
    .filter((t) => t.map_index < 0 && (t.state === 'succeeded' || t.state === 'skipped'))
    .filter((t) => changes.graphOf({ id: t.run_id }).tasks.get(t.task)?.dependsOnPast)
    .map((t) => {
      const { start_ms, end_ms } = changes.runOf(t);
      return { pipeline: t.pipeline, task: t.task, start_ms, end_ms };
    });
  if (done.length === 0) return [];
  const columns = { pipeline: 'text', task: 'text', start_ms: 'bigint', end_ms: 'bigint' } as const;
  const found = await tx.all<{ id: number; run_id: number }>(
    `select t.id, t.run_id from ${words.rows('$1', columns)}
     cross join tasks t join runs r on r.id = t.run_id
     where t.pipeline = v.pipeline and t.task = v.task and t.state = 'waiting' and t.past_ms is not null
       and t.past_ms > v.start_ms and t.past_ms <= v.end_ms${words.skipLocked('r')}`,
    [JSON.stringify(done)],
  );
  return free(changes, found);
}

/** Frees tasks whose past has been made good while nobody could tell them. The caller settles the changes. */
export async function freeForgotten(changes: RunChanges): Promise<readonly TaskInstance[]> {
  const { tx, words } = changes;
  const found = await tx.all<{ id: number; run_id: number }>(
    `select t.id, t.run_id from tasks t join runs r on r.id = t.run_id
     where t.past_ms is not null and t.state = 'waiting'
       and exists (select 1 from runs p join tasks s on s.run_id = p.id and s.task = t.task and s.map_index = -1
                   where p.pipeline = t.pipeline and ${covers('p', 't.past_ms')} and s.state in ('succeeded', 'skipped'))
     order by t.pipeline, t.task, t.past_ms limit 1000${words.skipLocked('r')}`,
  );
  return free(changes, found);
}

async function free(
  changes: RunChanges,
  found: readonly { readonly id: number; readonly run_id: number }[],
): Promise<readonly TaskInstance[]> {
  if (found.length === 0) return [];
  await changes.lockTasks(found.map(({ id }) => id));
  const freed: TaskInstance[] = [];
  for (const { id } of found) {
    const task = changes.task(id);
    if (task?.state !== 'waiting' || task.past_ms === null) continue;
    task.past_ms = null;
    task.blockers -= 1;
    changes.touch(task);
    freed.push(task);
  }
  return freed;
}

/** Has the tasks of a new run that depend on their past wait for it. */
export async function waitForPast(
  tx: StoreTransaction,
  run: { readonly id: number; readonly pipeline: string; readonly startMs: number },
  tasks: readonly string[],
): Promise<void> {
  const missing: { task: string; past_ms: number }[] = [];
  for (const task of tasks) {
    const endMs = await missingPast(tx, run.pipeline, task, run.startMs);
    if (endMs !== undefined) missing.push({ task, past_ms: endMs });
  }
  if (missing.length === 0) return;
  const words = sqlWords(tx.capabilities);
  await tx.run(
    `update tasks set past_ms = v.past_ms, blockers = blockers + 1
     from ${words.rows('$1', { task: 'text', past_ms: 'bigint' })}
     where tasks.run_id = $2 and tasks.task = v.task and tasks.map_index = -1`,
    [JSON.stringify(missing), run.id],
  );
}
