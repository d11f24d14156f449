import type { PipelineGraph } from '../../pipeline/graph.ts';
import type { RunRequest } from '../model/run-request.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { StoredRun } from '../store/tables.ts';
import { dependOnPast, insertTasks, type NewRun, type Planned, requirePools } from './create-run.ts';
import { selectTasks } from './selection.ts';
import { ID, listOf, sqlWords } from './sql-words.ts';

/**
 * Takes runs that have not begun to another version of their pipeline: their task instances are made anew. Runs that are
 * not `queued` any more, or have been attempted before, stay as they are.
 * @throws TASK_UNKNOWN, POOL_UNKNOWN, POOL_TOO_SMALL
 */
export async function reviseRuns(tx: StoreTransaction, runIds: readonly number[], graph: PipelineGraph): Promise<void> {
  const words = sqlWords(tx.capabilities);
  const runs = await tx.all<StoredRun>(
    `select * from runs r where id ${words.amongIds('$1')} and state = 'queued' and version <> $2
       and not exists (select 1 from attempts a where a.run_id = r.id)
     order by id${words.forUpdate}`,
    [listOf(runIds), graph.version],
  );
  if (runs.length === 0) return;
  const planned = new Map(runs.map((row): [Planned, number] => [plan(row, graph), row.id]));
  await requirePools(tx, [...planned.keys()]);
  await tx.run(`delete from tasks where run_id ${words.amongIds('$1')}`, [listOf(runs.map((r) => r.id))]);
  await tx.run(
    `update runs set version = $2, unfinished = v.unfinished, deadline_ms = v.deadline_ms
     from ${words.rows('$1', { ...ID, unfinished: 'bigint', deadline_ms: 'bigint' })} where runs.id = v.id`,
    [
      JSON.stringify(
        [...planned].map(([{ run, tasks }, id]) => ({
          id,
          unfinished: tasks.length,
          deadline_ms:
            graph.deadlineMs === undefined || run.kind === 'backfill' ? null : run.dueAtMs + graph.deadlineMs,
        })),
      ),
      graph.version,
    ],
  );
  await insertTasks(tx, planned);
  for (const [{ run, tasks }, id] of planned) await dependOnPast(tx, id, run, tasks);
}

function plan(row: StoredRun, graph: PipelineGraph): Planned {
  const request = JSON.parse(row.request_json) as RunRequest;
  const run: NewRun = {
    graph,
    kind: row.kind,
    interval: { startMs: row.start_ms, endMs: row.end_ms },
    request,
    priority: row.priority,
    dueAtMs: row.due_at_ms,
    requestedBy: row.requested_by,
  };
  return { run, tasks: selectTasks(graph, request) };
}
