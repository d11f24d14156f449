import { SparkifyError } from '../../core/errors.ts';
import { requireElements, requireValue } from '../../pipeline/json-value.ts';
import { retryDelayMs } from '../../pipeline/retry.ts';
import { afterLook } from '../../pipeline/sensor.ts';
import { expand } from '../runs/mapped.ts';
import type { RunChanges } from '../runs/run-changes.ts';
import { storable } from '../runs/sql-words.ts';
import { ofTask } from '../runs/task-events.ts';
import type { TaskInstance } from '../store/tables.ts';
import type { Claim, Completion, TaskError } from './queue.ts';

/** Longest line about a task. */
const MAX_DETAIL = 1000;

/** Ends attempts whose claims still stand; gives the claims that were refused. The caller settles the changes. */
export async function endAttempts(
  changes: RunChanges,
  completions: readonly Completion[],
  random: () => number,
): Promise<readonly Claim[]> {
  await changes.lockTasks(completions.map((c) => c.claim.taskId));
  const refused: Claim[] = [];
  for (const completion of completions) {
    const { claim } = completion;
    const task = changes.task(claim.taskId);
    if (task?.state !== 'running' || task.worker !== claim.worker || task.attempt !== claim.attempt)
      refused.push(claim);
    else await endAttempt(changes, task, completion, random);
  }
  return refused;
}

async function endAttempt(
  changes: RunChanges,
  task: TaskInstance,
  completion: Completion,
  random: () => number,
): Promise<void> {
  switch (completion.state) {
    case 'succeeded': {
      const given = acceptable(changes, task, () => ({
        output: requireValue(giver(task), completion.output),
        unchosen: unchosenBy(changes, task, completion.chosen),
      }));
      if ('error' in given) {
        fail(changes, task, given.error, random);
        break;
      }
      task.output_json = given.output === undefined ? null : JSON.stringify(given.output);
      succeed(changes, task, completion.detail, given.unchosen);
      break;
    }
    case 'skipped':
      skip(changes, task, completion.reason);
      break;
    case 'expanded':
      await takeElements(changes, task, completion.inputs, random);
      break;
    case 'not-yet':
      lookAgain(changes, task, completion, random);
      break;
    case 'failed':
      fail(changes, task, completion.error, random);
      break;
    case 'released':
      giveBack(changes, task, completion.reason);
      break;
    case 'cancelled':
      // A run that goes on has no use for a cancelled task: somebody shall do it after all.
      if (isCancelling(changes, task)) cancel(changes, task);
      else giveBack(changes, task, 'interrupted');
      break;
    default:
      completion satisfies never;
  }
}

async function takeElements(
  changes: RunChanges,
  task: TaskInstance,
  inputs: readonly unknown[],
  random: () => number,
): Promise<void> {
  if (isCancelling(changes, task)) {
    cancel(changes, task);
    return;
  }
  const given = acceptable(changes, task, () => ({ elements: requireElements(giver(task), inputs) }));
  if ('error' in given) {
    fail(changes, task, given.error, random);
    return;
  }
  const { elements } = given;
  changes.endAttempt(task, 'succeeded');
  changes.tx.emit({ type: 'task.expanded', ...ofTask(task), count: elements.length });
  task.error_json = null;
  await expand(
    changes,
    task,
    elements.map((element) => JSON.stringify(element)),
  );
  if (elements.length === 0) tellSuccess(changes, task);
}

function giver(task: TaskInstance): { readonly pipeline: string; readonly task: string } {
  return { pipeline: task.pipeline, task: task.task };
}

function isCancelling(changes: RunChanges, task: TaskInstance): boolean {
  return changes.runOf(task).state === 'cancelling';
}

/** What a task gave, or why it cannot be taken: that fails the task, and another try would give the same. */
function acceptable<T extends object>(
  changes: RunChanges,
  task: TaskInstance,
  read: () => T,
): T | { readonly error: TaskError } {
  try {
    if (changes.graphOf(changes.runOf(task)).tasks.has(task.task)) return read();
    throw new SparkifyError('INTERNAL', { detail: `its graph has no task ${task.task}` });
  } catch (error) {
    if (!(error instanceof SparkifyError)) throw error;
    const { code, message, remedy } = error;
    return { error: { code, message, remedy, retryable: false } };
  }
}

/**
 * The tasks directly after a branch that it did not choose. A task that comes directly after the branch and also after a
 * chosen one is where the ways meet: it is not skipped, but follows its trigger rule.
 */
function unchosenBy(
  changes: RunChanges,
  task: TaskInstance,
  chosen: readonly string[] | undefined,
): ReadonlySet<string> | undefined {
  if (chosen === undefined) return undefined;
  const graph = changes.graphOf(changes.runOf(task));
  const next = graph.below(task.task).map((t) => t.name);
  const unknown = chosen.find((name) => !next.includes(name));
  if (unknown !== undefined)
    throw new SparkifyError('BRANCH_UNKNOWN', { task: task.task, chosen: unknown, known: next });
  const onTheWay = graph.closure(chosen);
  return new Set(next.filter((name) => !onTheWay.has(name)));
}

function succeed(
  changes: RunChanges,
  task: TaskInstance,
  detail: string,
  unchosen: ReadonlySet<string> | undefined,
): void {
  task.error_json = null;
  task.detail = storable(detail, MAX_DETAIL);
  changes.endAttempt(task, 'succeeded');
  changes.move(task, 'succeeded', unchosen);
  tellSuccess(changes, task);
}

function tellSuccess(changes: RunChanges, task: TaskInstance): void {
  changes.tx.emit({
    type: 'task.succeeded',
    ...ofTask(task),
    attempt: task.attempt,
    durationMs: durationMs(changes, task),
    detail: task.detail ?? '',
  });
}

function skip(changes: RunChanges, task: TaskInstance, reason: string): void {
  task.error_json = null;
  task.detail = storable(reason, MAX_DETAIL);
  // It ran and decided: the attempt did what it should.
  changes.endAttempt(task, 'succeeded');
  changes.move(task, 'skipped');
  changes.tx.emit({ type: 'task.skipped', ...ofTask(task), reason: task.detail });
}

function fail(changes: RunChanges, task: TaskInstance, error: TaskError, random: () => number): void {
  const { tx } = changes;
  const text = {
    code: error.code,
    message: storable(error.message),
    remedy: storable(error.remedy),
    retryable: error.retryable,
  };
  const failure = { code: text.code, message: text.message };
  task.error_json = JSON.stringify(text);
  task.detail = storable(error.message, MAX_DETAIL);
  task.failures += 1;
  changes.endAttempt(task, 'failed', task.error_json);
  const retries = changes.graphOf(changes.runOf(task)).tasks.get(task.task)?.retries;
  if (error.retryable && retries !== undefined && task.failures <= retries.max && !isCancelling(changes, task)) {
    task.ready_at_ms = tx.nowMs + retryDelayMs(retries, task.failures, random());
    changes.move(task, 'ready');
    tx.emit({
      type: 'task.retrying',
      ...ofTask(task),
      attempt: task.attempt,
      atMs: task.ready_at_ms,
      error: failure,
    });
    return;
  }
  changes.move(task, 'failed');
  tx.emit({
    type: 'task.failed',
    ...ofTask(task),
    attempt: task.attempt,
    durationMs: durationMs(changes, task),
    error: failure,
  });
}

/** Gives the slot back until the next look, or ends the waiting. Looks are not kept as attempts. */
function lookAgain(
  changes: RunChanges,
  task: TaskInstance,
  look: Extract<Completion, { state: 'not-yet' }>,
  random: () => number,
): void {
  const { tx } = changes;
  const run = changes.runOf(task);
  task.looks += 1;
  task.first_look_ms ??= task.started_at_ms ?? tx.nowMs;
  const detail = storable(look.detail, MAX_DETAIL);
  const sensor = changes.graphOf(run).tasks.get(task.task)?.sensor;
  const next =
    sensor === undefined
      ? ({ kind: 'again', atMs: look.againAtMs } as const)
      : afterLook(sensor, { nowMs: tx.nowMs, firstLookMs: task.first_look_ms, intervalEndMs: run.end_ms });
  if (next.kind === 'again') {
    changes.dropAttempt(task);
    task.ready_at_ms = Math.min(look.againAtMs, next.atMs);
    backToReady(changes, task, detail, 'the run was cancelled');
    return;
  }
  const waited = `${detail} (${task.looks} ${task.looks === 1 ? 'look' : 'looks'})`;
  switch (next.outcome) {
    case 'skip':
      skip(changes, task, `waited in vain: ${waited}`);
      break;
    case 'succeed':
      succeed(changes, task, `goes on without: ${waited}`, undefined);
      break;
    case 'fail': {
      const { code, message, remedy } = new SparkifyError('SENSOR_TIMED_OUT', { task: task.task, detail: waited });
      fail(changes, task, { code, message, remedy, retryable: false }, random);
    }
  }
}

/** Back to where it was, as if it had not begun; in a run that is being cancelled it never does. */
export function giveBack(changes: RunChanges, task: TaskInstance, reason: string): void {
  changes.dropAttempt(task);
  task.ready_at_ms = changes.tx.nowMs;
  backToReady(changes, task, task.detail, reason);
}

/** Has a task wait for its time, unless its run is being cancelled: then it ends here, for the reason given. */
export function backToReady(changes: RunChanges, task: TaskInstance, detail: string | null, reason: string): void {
  if (isCancelling(changes, task)) {
    end(changes, task, reason);
    return;
  }
  task.detail = detail;
  changes.move(task, 'ready');
}

function cancel(changes: RunChanges, task: TaskInstance): void {
  changes.endAttempt(task, 'cancelled');
  end(changes, task, 'the run was cancelled');
}

/** Ends a task that was under way when its run was cancelled. */
function end(changes: RunChanges, task: TaskInstance, reason: string): void {
  task.detail = storable(reason, MAX_DETAIL);
  changes.move(task, 'cancelled');
  changes.tx.emit({ type: 'task.cancelled', ...ofTask(task), reason: task.detail });
}

export function durationMs(changes: RunChanges, task: TaskInstance): number {
  return Math.max(0, changes.tx.nowMs - (task.started_at_ms ?? changes.tx.nowMs));
}
