import type { StoreTransaction } from '../store/store.ts';
import { judgeTasks } from './judge-task.ts';
import { RunChanges } from './run-changes.ts';
import type { RunGraphs } from './run-graph.ts';
import { settle } from './settle.ts';
import { listOf } from './sql-words.ts';

/** Lets queued runs begin: tasks that wait for nothing become ready. Runs that are not queued any more stay as they are. */
export async function startRuns(tx: StoreTransaction, graphs: RunGraphs, runIds: readonly number[]): Promise<void> {
  const changes = new RunChanges(tx, graphs);
  await changes.lockRuns(runIds);
  const started = [...changes.runs()].filter((run) => run.state === 'queued');
  if (started.length === 0) return;
  for (const run of started) {
    run.started_at_ms = tx.nowMs;
    changes.moveRun(run, 'running');
    tx.emit({ type: 'run.started', pipeline: run.pipeline, runId: run.id });
  }
  const { words } = changes;
  const parameter = listOf(started.map(({ id }) => id));
  const first = await changes.takeTasks(
    `select * from tasks where run_id ${words.amongIds('$1')}
       and state = 'waiting' and blockers = 0 and map_index = -1 order by id`,
    [parameter],
  );
  await judgeTasks(changes, first);
  if (started.some((run) => run.backfill_id !== null))
    await tx.run(
      `update backfill_cells set state = 'running' where state = 'planned' and run_id ${words.amongIds('$1')}`,
      [parameter],
    );
  await settle(changes);
}
