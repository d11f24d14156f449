/**
 * The states of runs, task instances, attempts and backfills, and the only ways between them. ARCHITECTURE.md draws
 * them; the model-based test compares every change in the store with these tables.
 */

/**
 * queued: admitted to nothing yet. running: its tasks may be claimed. cancelling: no task starts any more, running ones
 * are interrupted. The others are ends; a retry leads back to `running`.
 */
export type RunState = 'queued' | 'running' | 'cancelling' | 'succeeded' | 'failed' | 'cancelled';

/**
 * waiting: tasks before it have not ended. ready: may be claimed from `ready_at_ms` on, when its pool has room. running:
 * leased by a worker. expanded: its mapped instances are under way. The others are ends.
 */
export type TaskState =
  | 'waiting'
  | 'ready'
  | 'running'
  | 'expanded'
  | 'succeeded'
  | 'failed'
  | 'skipped'
  | 'upstream_failed'
  | 'cancelled';

/** crashed: the lease ran out or the worker died; counts apart from the task's own retries. */
export type AttemptState = 'running' | 'succeeded' | 'failed' | 'crashed' | 'cancelled';

export type BackfillState = 'running' | 'paused' | 'cancelling' | 'succeeded' | 'failed' | 'cancelled';

/** Of one frozen cell of a backfill. */
export type BackfillCellState = 'planned' | 'running' | 'succeeded' | 'failed' | 'cancelled';

export const runTransitions: Readonly<Record<RunState, readonly RunState[]>> = {
  queued: ['running', 'cancelled'],
  running: ['succeeded', 'failed', 'cancelling', 'cancelled'],
  cancelling: ['cancelled', 'succeeded', 'failed'],
  succeeded: ['running'],
  failed: ['running'],
  cancelled: ['running'],
};

export const taskTransitions: Readonly<Record<TaskState, readonly TaskState[]>> = {
  waiting: ['ready', 'skipped', 'upstream_failed', 'cancelled', 'succeeded'],
  // Back to waiting: a task before it is tried again.
  ready: ['running', 'cancelled', 'succeeded', 'skipped', 'failed', 'waiting'],
  // Back to ready: a retry, a crash, a sensor that saw nothing yet.
  running: ['succeeded', 'failed', 'skipped', 'expanded', 'ready', 'cancelled'],
  expanded: ['succeeded', 'failed', 'skipped', 'cancelled'],
  // From an end to expanded: single elements of a mapped task are tried again or marked.
  succeeded: ['waiting', 'ready', 'expanded'],
  failed: ['waiting', 'ready', 'succeeded', 'skipped', 'expanded'],
  skipped: ['waiting', 'ready', 'expanded'],
  upstream_failed: ['waiting', 'ready', 'succeeded', 'skipped'],
  cancelled: ['waiting', 'ready', 'succeeded', 'skipped', 'expanded'],
};

export const backfillTransitions: Readonly<Record<BackfillState, readonly BackfillState[]>> = {
  running: ['paused', 'cancelling', 'succeeded', 'failed', 'cancelled'],
  // What was under way when it was paused may have been the last of it.
  paused: ['running', 'succeeded', 'cancelling', 'cancelled'],
  cancelling: ['cancelled', 'succeeded', 'failed'],
  succeeded: [],
  failed: ['running'],
  cancelled: ['running'],
};

const ENDED_TASKS: ReadonlySet<TaskState> = new Set(['succeeded', 'failed', 'skipped', 'upstream_failed', 'cancelled']);
const ENDED_RUNS: ReadonlySet<RunState> = new Set(['succeeded', 'failed', 'cancelled']);

export function taskEnded(state: TaskState): boolean {
  return ENDED_TASKS.has(state);
}

export function runEnded(state: RunState): boolean {
  return ENDED_RUNS.has(state);
}
