import { MAX_VALUE_BYTES } from '../../pipeline/json-value.ts';
import { taskEnded } from '../model/states.ts';
import type { TaskInstance } from '../store/tables.ts';
import { resetTask } from './reset-task.ts';
import type { RunChanges } from './run-changes.ts';
import { ofTask, taskLabel } from './task-events.ts';

/** How much text of inputs goes into one statement. */
const MAX_CHUNK_CHARS = 4_000_000;

/**
 * Makes the elements of a mapped task, which is `expanded` until all of them have ended. Elements of an earlier expansion
 * are used again under their numbers, with their attempts as history; those beyond the new end are skipped. No elements at
 * all are a success with an empty array: what comes after has nothing to do, but may run.
 */
export async function expand(changes: RunChanges, parent: TaskInstance, inputs: readonly string[]): Promise<void> {
  const { tx } = changes;
  if (inputs.length === 0) {
    parent.output_json = '[]';
    parent.detail = 'no elements';
    changes.move(parent, 'succeeded');
    return;
  }
  parent.blockers = inputs.length;
  parent.blockers_failed = 0;
  parent.blockers_skipped = 0;
  parent.detail = `${inputs.length} ${inputs.length === 1 ? 'element' : 'elements'}`;
  changes.move(parent, 'expanded');
  const existing = new Set<number>();
  // A first expansion has none, and 10,000 of them need not be looked for.
  if (parent.attempt > 1) {
    for (const element of await changes.lockElements(parent)) {
      existing.add(element.map_index);
      const input = inputs[element.map_index];
      if (input === undefined) dismiss(changes, element);
      else {
        if (taskEnded(element.state)) changes.move(element, 'waiting');
        resetTask(element);
        element.input_json = input;
        element.ready_at_ms = tx.nowMs;
        changes.move(element, 'ready');
        changes.touch(element);
      }
    }
  }
  const fresh = inputs.map((input, i) => ({ i, input })).filter(({ i }) => !existing.has(i));
  changes.runOf(parent).unfinished += fresh.length;
  for (const chunk of chunks(fresh)) await insertElements(changes, parent, chunk);
}

function dismiss(changes: RunChanges, element: TaskInstance): void {
  element.input_json = null;
  element.output_json = null;
  element.detail = 'no longer among the elements';
  if (element.state === 'waiting') changes.move(element, 'skipped');
  changes.touch(element);
}

async function insertElements(
  changes: RunChanges,
  parent: TaskInstance,
  elements: readonly { readonly i: number; readonly input: string }[],
): Promise<void> {
  const { tx, words } = changes;
  await tx.run(
    `insert into tasks (run_id, pipeline, task, map_index, state, priority, queue, pool, pool_slots, data, ready_at_ms,
       blockers, blockers_failed, blockers_skipped, attempt, failures, crashes, looks, input_json)
     select p.run_id, p.pipeline, p.task, v.i, 'ready', p.priority, p.queue, p.pool, p.pool_slots, p.data, cast($2 as bigint),
       0, 0, 0, 0, 0, 0, 0, v.input
     from ${words.rows('$1', { i: 'bigint', input: 'text' })} cross join tasks p
     where p.id = $3
     order by v.i`,
    [JSON.stringify(elements), tx.nowMs, parent.id],
  );
}

function* chunks<T extends { readonly input: string }>(elements: readonly T[]): Generator<readonly T[]> {
  let chunk: T[] = [];
  let chars = 0;
  for (const element of elements) {
    if (chunk.length > 0 && chars + element.input.length > MAX_CHUNK_CHARS) {
      yield chunk;
      chunk = [];
      chars = 0;
    }
    chunk.push(element);
    chars += element.input.length;
  }
  if (chunk.length > 0) yield chunk;
}

/** Counts elements that have ended with their mapped tasks, and ends those whose last one it was. */
export async function settleElements(changes: RunChanges, elements: readonly TaskInstance[]): Promise<void> {
  const complete = new Set<TaskInstance>();
  for (const element of elements) {
    const parent = changes.place(element.run_id, element.task);
    if (parent?.state !== 'expanded' || element.input_json === null) continue;
    parent.blockers -= 1;
    if (element.state === 'skipped') parent.blockers_skipped += 1;
    else if (element.state !== 'succeeded') parent.blockers_failed += 1;
    changes.touch(parent);
    if (parent.blockers === 0) complete.add(parent);
  }
  for (const parent of complete) await endMapped(changes, parent);
}

/**
 * Ends a mapped task whose elements have all ended: failed with the failure of the first one that failed, else cancelled if
 * one was, skipped if all were, else succeeded with the array of their values (null where one gave none).
 */
export async function endMapped(changes: RunChanges, parent: TaskInstance): Promise<void> {
  const { tx } = changes;
  changes.flushTasks();
  const where = 'run_id = $1 and task = $2 and map_index >= 0 and input_json is not null';
  const place = [parent.run_id, parent.task];
  const states = await tx.all<{ state: string; count: number | string; chars: number | string | null }>(
    `select state, count(*) as count, sum(length(output_json)) as chars from tasks where ${where} group by state`,
    place,
  );
  const count = (state: string): number => Number(states.find((s) => s.state === state)?.count ?? 0);
  const total = states.reduce((sum, s) => sum + Number(s.count), 0);
  const failed = count('failed') + count('upstream_failed');
  if (failed > 0) {
    const [first] = await tx.all<TaskInstance>(
      `select * from tasks where ${where} and state in ('failed', 'upstream_failed') order by state, map_index limit 1`,
      place,
    );
    parent.error_json = first!.error_json;
    parent.detail = `${failed} of ${total} elements failed, first ${taskLabel(first!)}: ${first!.detail ?? ''}`;
    changes.move(parent, 'failed');
    tx.emit({
      type: 'task.failed',
      ...ofTask(parent),
      attempt: parent.attempt,
      durationMs: duration(changes, parent),
      error: errorOf(first!),
    });
    return;
  }
  if (count('cancelled') > 0) {
    parent.detail = `${count('cancelled')} of ${total} elements were cancelled`;
    changes.move(parent, 'cancelled');
    tx.emit({ type: 'task.cancelled', ...ofTask(parent), reason: parent.detail });
    return;
  }
  if (count('skipped') === total) {
    parent.detail = 'all elements were skipped';
    changes.move(parent, 'skipped');
    tx.emit({ type: 'task.skipped', ...ofTask(parent), reason: parent.detail });
    return;
  }
  parent.detail = `${total} ${total === 1 ? 'element' : 'elements'}`;
  const chars = states.reduce((sum, s) => sum + Number(s.chars ?? 0), 0);
  parent.output_json = chars === 0 || chars > MAX_VALUE_BYTES ? null : await gatherOutputs(changes, where, place);
  if (chars > 0 && parent.output_json === null)
    parent.detail += '; their values are too large together to be passed on';
  changes.move(parent, 'succeeded');
  tx.emit({
    type: 'task.succeeded',
    ...ofTask(parent),
    attempt: parent.attempt,
    durationMs: duration(changes, parent),
    detail: parent.detail,
  });
}

async function gatherOutputs(changes: RunChanges, where: string, place: (string | number)[]): Promise<string | null> {
  const rows = await changes.tx.all<{ output_json: string | null }>(
    `select output_json from tasks where ${where} order by map_index`,
    place,
  );
  const text = `[${rows.map((row) => row.output_json ?? 'null').join(',')}]`;
  return Buffer.byteLength(text) > MAX_VALUE_BYTES ? null : text;
}

function duration(changes: RunChanges, task: TaskInstance): number {
  return changes.tx.nowMs - (task.started_at_ms ?? changes.tx.nowMs);
}

function errorOf(task: TaskInstance): { code: string; message: string } {
  const { code, message } = JSON.parse(task.error_json ?? '{"code":"INTERNAL","message":""}') as {
    code: string;
    message: string;
  };
  return { code, message };
}

/**
 * Ends elements of an earlier expansion with their mapped task, when it ended without expanding again: it was skipped,
 * failed by itself or before its time, was cancelled, or marked.
 */
export async function endWaitingElements(changes: RunChanges, parents: readonly TaskInstance[]): Promise<void> {
  for (const parent of parents) {
    if (parent.attempt === 0 || changes.graphOf({ id: parent.run_id }).tasks.get(parent.task)?.mapped !== true)
      continue;
    changes.flushTasks();
    const waiting = await changes.takeTasks(
      "select * from tasks where run_id = $1 and task = $2 and map_index >= 0 and state = 'waiting' order by map_index",
      [parent.run_id, parent.task],
    );
    const { state } = parent;
    const to =
      state === 'skipped' || state === 'cancelled' ? state : state === 'succeeded' ? 'skipped' : 'upstream_failed';
    for (const element of waiting) {
      element.detail = `${parent.task} ended without it`;
      changes.move(element, to);
    }
  }
}
