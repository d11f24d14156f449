import { SparkifyError } from '../../core/errors.ts';
import { reopenBackfill } from '../backfill/reopen-backfill.ts';
import { runEnded, type TaskState, taskEnded } from '../model/states.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { TaskInstance } from '../store/tables.ts';
import { requireRun, requireTask } from './find-run.ts';
import { judgeTasks } from './judge-task.ts';
import { recount } from './recount.ts';
import { resetTask } from './reset-task.ts';
import { type ChangingRun, RunChanges } from './run-changes.ts';
import type { RunGraphs } from './run-graph.ts';
import { settle } from './settle.ts';

const NOT_DONE: ReadonlySet<TaskState> = new Set(['failed', 'upstream_failed', 'cancelled']);

/**
 * Takes a run that has ended up again: its failed, held-up and cancelled tasks with everything after them, or one task (or
 * group) with everything after it, go back; all else stays done. Of a mapped task that failed in some elements only those go back. The
 * attempts so far are kept.
 * @throws RUN_UNKNOWN, TASK_UNKNOWN, RUN_NOT_ENDED, RETRY_NOTHING, RETRY_BLOCKED
 */
export async function retryRun(
  tx: StoreTransaction,
  graphs: RunGraphs,
  runId: number,
  options: { readonly by: string; readonly fromTask?: string },
): Promise<void> {
  const changes = new RunChanges(tx, graphs);
  const run = await requireRun(changes, runId);
  const { by, fromTask } = options;
  if (!runEnded(run.state))
    throw new SparkifyError('RUN_NOT_ENDED', { run: runId, state: run.state, action: 'retried' });
  const tasks = await changes.lockTasksOf(runId);
  const from =
    fromTask === undefined
      ? tasks.filter((t) => NOT_DONE.has(t.state)).map((t) => t.task)
      : tasksOfName(changes, run, tasks, fromTask);
  if (from.length === 0) throw new SparkifyError('RETRY_NOTHING', { run: runId });
  await resume(changes, run, by, fromTask);
  await takeBack(changes, run, from, fromTask === undefined);
  await settle(changes);
  if (runEnded(run.state)) throw blocked(changes, run, from);
}

/**
 * Lets a task that has ended, or one element of a mapped one, run again, with everything after it. A run that has ended goes
 * on with it.
 * @throws RUN_UNKNOWN, TASK_UNKNOWN, TASK_NOT_ENDED, RETRY_BLOCKED
 */
export async function retryTask(
  tx: StoreTransaction,
  graphs: RunGraphs,
  runId: number,
  name: string,
  options: { readonly by: string; readonly mapIndex?: number },
): Promise<void> {
  const changes = new RunChanges(tx, graphs);
  const run = await requireRun(changes, runId);
  const task = await requireTask(changes, run, name, options.mapIndex);
  const refuse = (state: string): SparkifyError =>
    new SparkifyError('TASK_NOT_ENDED', { run: runId, task: name, state, action: 'retried' });
  if (!taskEnded(task.state)) throw refuse(task.state);
  if (run.state === 'cancelling') throw refuse('being cancelled');
  if (task.map_index >= 0) {
    // An element by itself: only while its mapped task has, or had, the elements it is one of.
    const parent = changes.place(runId, name)!;
    if (parent.state !== 'expanded' && !taskEnded(parent.state)) throw refuse(parent.state);
    if (task.state === 'upstream_failed' || parent.state === 'upstream_failed') throw blocked(changes, run, [name]);
  }
  // Nobody shall work on what is about to wait again.
  const below = [...changes.graphOf(run).closure([name])].flatMap((n) => changes.place(runId, n) ?? []);
  const busy = below.find((t) => (t.state === 'running' || t.state === 'expanded') && t.task !== name);
  if (busy !== undefined)
    throw new SparkifyError('TASK_NOT_ENDED', { run: runId, task: busy.task, state: busy.state, action: 'reset' });
  if (runEnded(run.state)) await resume(changes, run, options.by, name);
  if (task.map_index < 0) await takeBack(changes, run, [name], true);
  else await takeElementBack(changes, run, task);
  await settle(changes);
  if (runEnded(run.state)) throw blocked(changes, run, [name]);
}

function tasksOfName(
  changes: RunChanges,
  run: ChangingRun,
  tasks: readonly TaskInstance[],
  name: string,
): readonly string[] {
  const { graph } = changes.graphOf(run);
  const meant = graph.tasks.filter((t) => t.name === name || t.group === name || t.group?.startsWith(`${name}.`));
  const there = meant.filter((t) => changes.place(run.id, t.name) !== undefined).map((t) => t.name);
  if (there.length === 0)
    throw new SparkifyError('TASK_UNKNOWN', { what: `Run ${run.id}`, task: name, known: tasks.map((t) => t.task) });
  return there;
}

/** Lets a run that has ended go on. */
export async function resume(
  changes: RunChanges,
  run: ChangingRun,
  by: string,
  fromTask: string | undefined,
): Promise<void> {
  const { tx } = changes;
  changes.moveRun(run, 'running');
  run.started_at_ms = tx.nowMs;
  run.error_json = null;
  tx.emit({ type: 'run.resumed', pipeline: run.pipeline, runId: run.id, by, fromTask });
  if (run.backfill_id !== null) await reopenBackfill(tx, run.backfill_id, run.id, by);
}

/** Resets tasks with everything after them; `keepElements`: a mapped task that failed in some elements keeps the others. */
async function takeBack(
  changes: RunChanges,
  run: ChangingRun,
  from: readonly string[],
  keepElements: boolean,
): Promise<void> {
  const graph = changes.graphOf(run);
  const back = graph.closure(from);
  for (const name of back) {
    const task = changes.place(run.id, name);
    if (task === undefined || task.state === 'waiting') continue;
    const fresh = graph.tasks.get(name)!.after.some((a) => back.has(a) && changes.place(run.id, a) !== undefined);
    const elements = task.attempt > 0 && graph.tasks.get(name)!.mapped ? await changes.lockElements(task) : [];
    const bad = elements.filter((e) => NOT_DONE.has(e.state) && e.input_json !== null);
    const expanded =
      elements.every((e) => taskEnded(e.state)) && bad.length > 0 && bad.some((e) => e.state !== 'upstream_failed');
    if (keepElements && !fresh && NOT_DONE.has(task.state) && expanded) {
      for (const element of bad) readyAgain(changes, element);
      task.error_json = null;
      changes.move(task, 'expanded');
      continue;
    }
    for (const element of elements) {
      if (element.state === 'waiting') continue;
      resetTask(element);
      changes.move(element, 'waiting');
    }
    resetTask(task);
    changes.move(task, 'waiting');
  }
  await judgeTasks(changes, await recount(changes, run));
}

async function takeElementBack(changes: RunChanges, run: ChangingRun, element: TaskInstance): Promise<void> {
  const { task: name } = element;
  const graph = changes.graphOf(run);
  for (const next of graph.closure(graph.below(name).map((t) => t.name))) {
    const task = changes.place(run.id, next);
    if (task === undefined || task.state === 'waiting') continue;
    for (const e of graph.tasks.get(next)!.mapped ? await changes.lockElements(task) : []) {
      if (e.state === 'waiting') continue;
      resetTask(e);
      changes.move(e, 'waiting');
    }
    resetTask(task);
    changes.move(task, 'waiting');
  }
  readyAgain(changes, element);
  const parent = changes.place(run.id, name)!;
  parent.error_json = null;
  parent.output_json = null;
  changes.move(parent, 'expanded');
  await judgeTasks(changes, await recount(changes, run));
}

function readyAgain(changes: RunChanges, element: TaskInstance): void {
  resetTask(element);
  element.ready_at_ms = changes.tx.nowMs;
  changes.move(element, 'ready');
}

function blocked(changes: RunChanges, run: ChangingRun, from: readonly string[]): SparkifyError {
  const graph = changes.graphOf(run);
  const before = from.flatMap((name) => graph.tasks.get(name)?.after ?? []);
  const failed = [...new Set(before)].filter((name) => NOT_DONE.has(changes.place(run.id, name)?.state ?? 'waiting'));
  return new SparkifyError('RETRY_BLOCKED', { run: run.id, tasks: from, before: failed });
}
