import { SparkifyError } from '../../core/errors.ts';
import { judgeTasks } from '../runs/judge-task.ts';
import { freeForgotten } from '../runs/past.ts';
import type { RunChanges } from '../runs/run-changes.ts';
import { listOf } from '../runs/sql-words.ts';
import { ofTask, taskLabel } from '../runs/task-events.ts';
import type { TaskInstance } from '../store/tables.ts';
import { backToReady, durationMs, giveBack } from './complete.ts';

/** How many tasks are taken back in one transaction. */
export const EXPIRE_AT_ONCE = 500;

/** Before a crashed task is tried again; doubled with each crash. */
const CRASH_DELAY_MS = 1000;

/**
 * Takes tasks back whose lease has run out, and all that a holder had under way whose hold has. Time is the store's: when its
 * clock jumps forward, living workers lose their leases too; they are told with the next renewal, and their work is done again.
 * Gives the number of tasks; the caller settles the changes.
 */
export async function takeBackExpired(changes: RunChanges, maxCrashes: number): Promise<number> {
  const { tx, words } = changes;
  const lapsed = await tx.all<{ id: number }>(
    'select id from runs where holder is not null and holder_until_ms <= $1 order by id',
    [tx.nowMs],
  );
  const late = await tx.all<{ id: number; run_id: number }>(
    `select id, run_id from tasks where state = 'running' and lease_until_ms <= $1 order by lease_until_ms limit ${EXPIRE_AT_ONCE}`,
    [tx.nowMs],
  );
  const runs = new Set([...lapsed.map((r) => r.id), ...late.map((t) => t.run_id)]);
  if (runs.size > 0) await changes.lockRuns(runs);
  const holders =
    lapsed.length === 0 ? new Map<number, string>() : await endHolds(changes, listOf(lapsed.map((r) => r.id)));
  const held =
    holders.size === 0
      ? []
      : await tx.all<{ id: number }>(
          `select id from tasks where run_id ${words.amongIds('$1')} and state = 'running' and data = 1`,
          [listOf(holders.keys())],
        );
  const ids = [...new Set([...late, ...held].map((t) => t.id))];
  if (ids.length > 0) await changes.lockTasks(ids);
  let count = 0;
  for (const id of ids) {
    const task = changes.task(id);
    if (task?.state !== 'running') continue;
    const lost = task.data === 1 && holders.get(task.run_id) === task.worker;
    if (!lost && (task.lease_until_ms ?? 0) > tx.nowMs) continue;
    crash(changes, task, maxCrashes);
    count += 1;
  }
  await judgeTasks(changes, await freeForgotten(changes));
  return count;
}

/** Ends holds that have lapsed, looked at again now that the runs are locked; gives who had them. */
async function endHolds(changes: RunChanges, runIds: string): Promise<ReadonlyMap<number, string>> {
  const { tx, words } = changes;
  const among = `id ${words.amongIds('$1')} and holder is not null and holder_until_ms <= $2`;
  const rows = await tx.all<{ id: number; holder: string }>(`select id, holder from runs where ${among}`, [
    runIds,
    tx.nowMs,
  ]);
  if (rows.length > 0)
    await tx.run(`update runs set holder = null, holder_until_ms = null where ${among}`, [runIds, tx.nowMs]);
  return new Map(rows.map((r) => [r.id, r.holder]));
}

function crash(changes: RunChanges, task: TaskInstance, maxCrashes: number): void {
  const { tx } = changes;
  const worker = task.worker ?? '';
  task.crashes += 1;
  changes.endAttempt(task, 'crashed');
  tx.emit({ type: 'task.crashed', ...ofTask(task), attempt: task.attempt, crashes: task.crashes, worker });
  if (task.crashes < maxCrashes || changes.runOf(task).state === 'cancelling') {
    task.ready_at_ms = tx.nowMs + CRASH_DELAY_MS * 2 ** (task.crashes - 1);
    backToReady(changes, task, `its worker ${worker} died`, 'its worker died');
    return;
  }
  const { code, message, remedy } = new SparkifyError('TASK_SET_ASIDE', {
    task: taskLabel(task),
    crashes: task.crashes,
  });
  task.error_json = JSON.stringify({ code, message, remedy, retryable: false });
  task.detail = message;
  const ran = durationMs(changes, task);
  changes.move(task, 'failed');
  tx.emit({ type: 'task.failed', ...ofTask(task), attempt: task.attempt, durationMs: ran, error: { code, message } });
}

/** Ends a worker's hold; what it had under way there is given back. */
export async function endHold(changes: RunChanges, worker: string, runId: number): Promise<void> {
  const { tx } = changes;
  await changes.lockRuns([runId]);
  const released = await tx.run('update runs set holder = null, holder_until_ms = null where id = $1 and holder = $2', [
    runId,
    worker,
  ]);
  if (released === 0) return;
  const tasks = await changes.takeTasks(
    `select * from tasks where run_id = $1 and state = 'running' and data = 1 and worker = $2 order by id${changes.words.forUpdate}`,
    [runId, worker],
  );
  for (const task of tasks) giveBack(changes, task, 'its worker let the run go');
}
