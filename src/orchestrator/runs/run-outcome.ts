import type { TaskState } from '../model/states.ts';
import type { RunGraph } from './run-graph.ts';

/** How a run ended, and the task that is to blame. */
export interface RunOutcome {
  readonly state: 'succeeded' | 'failed' | 'cancelled';
  readonly culprit: string | undefined;
}

/**
 * Judges a run whose tasks have all ended. Cancelled, if a task was. Failed, if a failure was left standing: every failure
 * counts unless it was handled, which means that a task directly after it with the rule `any_failed` succeeded in its place
 * and the way went on from there, and everything that could not run because of it was handled in the same way. A task with
 * `any_failed` at the end of the graph only tells of a failure, one with `all_done` clears up: neither hides anything, and
 * a failed or held-up task at the end always fails the run.
 */
export function judgeRun(graph: RunGraph, states: ReadonlyMap<string, TaskState>): RunOutcome {
  const names = graph.graph.tasks.map((t) => t.name).filter((name) => states.has(name));
  const cancelled = names.find((name) => states.get(name) === 'cancelled');
  if (cancelled !== undefined) return { state: 'cancelled', culprit: cancelled };
  const leadsOn = (name: string): boolean => graph.below(name).some((t) => states.has(t.name));
  const handled = new Map<string, boolean>();
  // From the ends of the graph backwards, so that what comes after a task is judged before it.
  for (const name of names.toReversed()) {
    if (!hasFailed(states.get(name))) continue;
    const after = graph.below(name);
    const heldUp = after.filter((t) => states.get(t.name) === 'upstream_failed');
    const rescued = after.some(
      (t) => t.trigger === 'any_failed' && states.get(t.name) === 'succeeded' && leadsOn(t.name),
    );
    handled.set(name, heldUp.every((t) => handled.get(t.name) === true) && (rescued || heldUp.length > 0));
  }
  const open = names.filter((name) => handled.get(name) === false);
  if (open.length === 0) return { state: 'succeeded', culprit: undefined };
  return {
    state: 'failed',
    culprit:
      open.find((name) => states.get(name) === 'failed') ?? names.find((n) => states.get(n) === 'failed') ?? open[0],
  };
}

function hasFailed(state: TaskState | undefined): boolean {
  return state === 'failed' || state === 'upstream_failed';
}
