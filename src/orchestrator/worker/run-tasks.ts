import { type DataTask, stagingsBeside } from '../../operators/data-task.ts';
import type { ResolvedPipeline } from '../../pipeline/define.ts';
import { isDataOperator } from '../../pipeline/operator.ts';
import { type TaskState, taskEnded } from '../model/states.ts';
import type { StoreReader } from '../store/store.ts';

/** How the data tasks of a run stand in the store. */
export interface DataTasks {
  /** Those that succeeded by their own work, in topological order: what another holder goes through once more. */
  readonly succeeded: readonly DataTask[];
  /** Names of those that have not ended. */
  readonly open: readonly string[];
  /** Why what they computed is not whole, so that it must not be published; undefined when it is. */
  readonly gap: string | undefined;
  /** Whether the run has a task that publishes. */
  readonly publishes: boolean;
  /** Counts the times that a publish was asked for: a crash and its next attempt are one time. */
  readonly publishNumber: number;
}

/** @param task the one that is carried out; it counts as open */
export async function dataTasksOf(
  db: StoreReader,
  runId: number,
  pipeline: ResolvedPipeline,
  task: string,
): Promise<DataTasks> {
  const rows = await db
    .selectFrom('tasks')
    .select(['task', 'state', 'marked_by', 'attempt', 'crashes', 'failures', 'detail'])
    .where('run_id', '=', runId)
    .where('data', '=', 1)
    .where('map_index', '=', -1)
    .execute();
  const byName = new Map(rows.map((r) => [r.task, r]));
  const succeeded: DataTask[] = [];
  let marked: string | undefined;
  let missing: string | undefined;
  let publishNumber = 1;
  let publishes = false;
  for (const t of pipeline.tasks) {
    const { operator } = t;
    const row = byName.get(t.name);
    if (!isDataOperator(operator)) continue;
    if (operator.kind === 'publish') {
      if (row === undefined) continue;
      publishes = true;
      publishNumber = row.attempt - row.crashes - row.failures + (row.state === 'running' ? 0 : 1);
      continue;
    }
    if (row === undefined) missing ??= `${t.name} is not in this run`;
    else if (row.marked_by !== null) marked ??= `${t.name} was marked as ${row.state} by ${row.marked_by}`;
    else if (row.state === 'succeeded') succeeded.push({ ...t, operator });
    else if (t.name !== task) missing ??= `${t.name} ${gapWords[row.state]}`;
  }
  return {
    succeeded,
    open: rows.filter((r) => !taskEnded(r.state)).map((r) => r.task),
    // A mark may have let this task begin before others had ended: it is the reason.
    gap: marked ?? missing,
    publishes,
    publishNumber,
  };
}

/** Stagings of the run that could be read beside this task now. */
export async function readyStagings(
  db: StoreReader,
  runId: number,
  pipeline: ResolvedPipeline,
  task: DataTask,
  nowMs: number,
): Promise<readonly DataTask[]> {
  const stagings = stagingsBeside(task, pipeline.tasks);
  if (stagings.length === 0) return [];
  const rows = await db
    .selectFrom('tasks')
    .select('task')
    .where('run_id', '=', runId)
    .where('data', '=', 1)
    .where('state', '=', task.operator.kind === 'stage' ? 'ready' : 'waiting')
    .where('ready_at_ms', '<=', nowMs)
    .execute();
  return stagings.filter((t) => rows.some((r) => r.task === t.name));
}

const gapWords: Readonly<Record<TaskState, string>> = {
  waiting: 'has not run',
  ready: 'has not run',
  running: 'has not ended',
  expanded: 'has not ended',
  succeeded: 'succeeded',
  failed: 'failed',
  skipped: 'was skipped',
  upstream_failed: 'could not run',
  cancelled: 'was cancelled',
};
