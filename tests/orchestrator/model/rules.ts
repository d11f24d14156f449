import {
  type RunState,
  runEnded,
  runTransitions,
  type TaskState,
  taskEnded,
  taskTransitions,
} from '../../../src/orchestrator/model/states.ts';
import type { TaskInstance } from '../../../src/orchestrator/store/tables.ts';
import type { GraphTask, PipelineGraph } from '../../../src/pipeline/graph.ts';
import type { Command } from './commands.ts';
import { cellKey, type Snapshot } from './snapshot.ts';

/** What is wrong with a store, or with the step that led to it. */
export class Violation extends Error {}

export interface Step {
  readonly command: Command | { readonly do: 'drain' };
  readonly before: Snapshot;
  readonly after: Snapshot;
  readonly graphOf: (run: { readonly pipeline: string; readonly version: string }) => PipelineGraph;
  /** Names of the tasks that branches did not choose in this step, per run. */
  readonly unchosen: ReadonlySet<string>;
}

function must(holds: boolean, what: () => string): void {
  if (!holds) throw new Violation(what());
}

export function checkStep(step: Step): void {
  checkWays(step);
  checkVerdicts(step);
  checkOrder(step);
  checkHistory(step);
  checkOutcomes(step);
  checkStore(step.after, step.graphOf);
}

/** Commands of people that take something back pass through a state of waiting or going on within their transaction. */
const RESETS: ReadonlySet<string> = new Set(['retry', 'retry-task', 'mark', 'start', 'create']);

function checkWays({ command, before, after }: Step): void {
  const resets = RESETS.has(command.do);
  for (const task of after.tasks.values()) {
    const from = before.tasks.get(task.id)?.state;
    const what = (): string => `task ${task.task}[${task.map_index}] went from ${from} to ${task.state}`;
    if (from === undefined)
      must(task.state === 'waiting' || task.state === 'ready' || command.do === 'create', () => `${what()} at birth`);
    else if (from !== task.state) must(taskWay(from, task.state, resets), what);
  }
  must(
    [...before.tasks.keys()].every((id) => after.tasks.has(id)),
    () => 'a task instance is gone',
  );
  for (const run of after.runs.values()) {
    const from = before.runs.get(run.id)?.state;
    if (from === undefined || from === run.state) continue;
    must(
      runTransitions[from].includes(run.state) ||
        (resets && runTransitions[from].includes('running') && runTransitions.running.includes(run.state)),
      () => `run ${run.id} went from ${from} to ${run.state}`,
    );
  }
}

function taskWay(from: TaskState, to: TaskState, resets: boolean): boolean {
  if (taskTransitions[from].includes(to)) return true;
  const over: readonly TaskState[] = resets ? ['waiting', 'expanded'] : [];
  return over.some((middle) => taskTransitions[from].includes(middle) && taskTransitions[middle].includes(to));
}

/** Written apart from the product: what a rule says once all before a task have ended. */
function expectedVerdict(rule: GraphTask['trigger'], before: readonly TaskState[]): TaskState {
  const failed = before.some((s) => s === 'failed' || s === 'upstream_failed' || s === 'cancelled');
  const skipped = before.includes('skipped');
  if (rule === 'all_done') return 'ready';
  if (rule === 'any_failed') return failed ? 'ready' : 'skipped';
  if (failed) return 'upstream_failed';
  return rule === 'all_succeeded' && skipped ? 'skipped' : 'ready';
}

function checkVerdicts({ before, after, graphOf, unchosen, command }: Step): void {
  for (const task of after.tasks.values()) {
    const from = before.tasks.get(task.id)?.state;
    if (from !== 'waiting' || task.map_index >= 0) continue;
    if (!['ready', 'skipped', 'upstream_failed'].includes(task.state) || task.marked_by !== null) continue;
    const label = `task ${task.task} of run ${task.run_id}`;
    if (unchosen.has(`${task.run_id} ${task.task}`)) {
      must(task.state === 'skipped', () => `${label} was not chosen by its branch and is ${task.state}`);
      continue;
    }
    const states = upstream(after, graphOf(after.runs.get(task.run_id)!), task).map((t) => t.state);
    must(states.every(taskEnded), () => `${label} became ${task.state} while ${states.join()} come before it`);
    const rule = graphOf(after.runs.get(task.run_id)!).tasks.find((t) => t.name === task.task)!.trigger;
    const expected = expectedVerdict(rule, states);
    must(expected === task.state, () => `${label} (${rule}) after ${states.join()}: ${task.state}, not ${expected}`);
    if (expected === 'ready')
      must(task.past_ms === null, () => `${label} became ready without its past (${command.do})`);
  }
}

function upstream(at: Snapshot, graph: PipelineGraph, task: TaskInstance): readonly TaskInstance[] {
  const after = new Set(graph.tasks.find((t) => t.name === task.task)!.after);
  return [...at.tasks.values()].filter((t) => t.run_id === task.run_id && t.map_index === -1 && after.has(t.task));
}

/** Attempts are only ever added and ended; those under way may vanish when they came to nothing. */
function checkHistory({ before, after }: Step): void {
  for (const [key, attempt] of before.attempts) {
    const now = after.attempts.get(key);
    if (attempt.state === 'running')
      must(
        now !== undefined || !after.tasks.has(attempt.task_id) || isFree(after, key),
        () => `attempt ${key} is gone`,
      );
    else must(now?.state === attempt.state, () => `attempt ${key} was ${attempt.state} and is ${now?.state}`);
  }
  for (const task of after.tasks.values()) {
    const last = before.tasks.get(task.id)?.attempt ?? 0;
    must(task.attempt >= last, () => `the attempts of task ${task.id} went back from ${last} to ${task.attempt}`);
  }
}

function isFree(after: Snapshot, key: string): boolean {
  const [id, attempt] = key.split(' ').map(Number);
  const task = after.tasks.get(id!)!;
  return task.state !== 'running' || task.attempt !== attempt;
}

/** A run that has just ended says so in its events and cells. */
function checkOutcomes({ before, after, graphOf }: Step): void {
  for (const run of after.runs.values()) {
    if (!runEnded(run.state) || before.runs.get(run.id)?.finished_at_ms === run.finished_at_ms) continue;
    const events = after.runEvents.get(run.id) ?? [];
    must(
      events.at(-1) === `run.${run.state}`,
      () => `run ${run.id} is ${run.state}, its events end ${events.slice(-2)}`,
    );
    // What was cancelled before it began is cancelled, even if somebody had marked all of its tasks.
    if (before.runs.get(run.id)?.state === 'queued' && run.state === 'cancelled') continue;
    const wanted = expectedOutcome(
      graphOf(run),
      [...after.tasks.values()].filter((t) => t.run_id === run.id),
    );
    must(wanted === run.state, () => `run ${run.id} is ${run.state}, its tasks say ${wanted}`);
    const own = after.runCells.filter((c) => c.run_id === run.id);
    for (const task of after.tasks.values()) {
      if (task.run_id !== run.id || task.map_index >= 0 || task.state === 'cancelled') continue;
      for (const cell of own.length > 0 ? own : [run]) {
        const key = cellKey({ pipeline: run.pipeline, task: task.task, start_ms: cell.start_ms, end_ms: cell.end_ms });
        const state = task.state === 'upstream_failed' ? 'failed' : task.state;
        const found = after.cells.get(key);
        must(
          found?.state === state || found?.run_id !== run.id,
          () => `cell ${key} is ${found?.state}, the task of run ${run.id} ${task.state}`,
        );
        must(found !== undefined, () => `there is no cell ${key}`);
      }
    }
  }
}

/** Written apart from the product, by following each failure downwards. */
function expectedOutcome(graph: PipelineGraph, tasks: readonly TaskInstance[]): RunState {
  const state = new Map(tasks.filter((t) => t.map_index === -1).map((t) => [t.task, t.state]));
  if ([...state.values()].includes('cancelled')) return 'cancelled';
  const next = (name: string): readonly GraphTask[] =>
    graph.tasks.filter((t) => t.after.includes(name) && state.has(t.name));
  const isHandled = (name: string): boolean => {
    const held = next(name).filter((t) => state.get(t.name) === 'upstream_failed');
    if (!held.every((t) => isHandled(t.name))) return false;
    const standIns = next(name).filter((t) => t.trigger === 'any_failed' && state.get(t.name) === 'succeeded');
    return held.length > 0 || standIns.some((t) => next(t.name).length > 0);
  };
  const failed = [...state].filter(([, s]) => s === 'failed' || s === 'upstream_failed').map(([name]) => name);
  return failed.every(isHandled) ? 'succeeded' : 'failed';
}

/** What is true of every store, whatever led to it: counts equal what is counted anew. */
export function checkStore(at: Snapshot, graphOf: Step['graphOf']): void {
  const all = [...at.tasks.values()];
  for (const run of at.runs.values()) {
    const tasks = all.filter((t) => t.run_id === run.id);
    const label = `run ${run.id} (${run.state})`;
    const unfinished = tasks.filter((t) => !taskEnded(t.state)).length;
    const failures = tasks.filter((t) => t.state === 'failed' || t.state === 'upstream_failed').length;
    must(run.unfinished === unfinished, () => `${label} counts ${run.unfinished} unfinished of ${unfinished}`);
    must(run.failures === failures, () => `${label} counts ${run.failures} failures of ${failures}`);
    must(
      runEnded(run.state) === (unfinished === 0) || run.state === 'queued',
      () => `${label}, ${unfinished} unfinished`,
    );
    must(runEnded(run.state) === (run.finished_at_ms !== null), () => `${label}, finished ${run.finished_at_ms}`);
    if (run.state !== 'running') {
      must(!tasks.some((t) => t.state === 'ready'), () => `${label} has ready tasks`);
      must(run.state === 'cancelling' || !tasks.some((t) => t.state === 'running'), () => `${label} has running tasks`);
    }
    if (run.state === 'cancelling')
      must(
        tasks.some((t) => t.state === 'running') && !tasks.some((t) => t.state === 'waiting'),
        () => `${label} waits for nothing`,
      );
    if (runEnded(run.state)) must(run.holder === null, () => `${label} is still held`);
    for (const task of tasks) checkTask(at, graphOf(run), run.state, task, tasks);
  }
  for (const pool of at.pools) {
    const used = all
      .filter((t) => t.state === 'running' && t.pool === pool.name)
      .reduce((sum, t) => sum + t.pool_slots, 0);
    must(used <= pool.slots, () => `pool ${pool.name} has ${used} of ${pool.slots} slots taken`);
  }
  const held = [...at.runs.values()].filter((r) => r.holder !== null);
  must(new Set(held.map((r) => r.pipeline)).size === held.length, () => 'a pipeline has two held runs');
  for (const attempt of at.attempts.values()) {
    const task = at.tasks.get(attempt.task_id)!;
    const current = task.state === 'running' && task.attempt === attempt.attempt;
    must(
      (attempt.state === 'running') === current,
      () => `attempt ${attempt.attempt} of a ${task.state} task is ${attempt.state}`,
    );
  }
}

function checkTask(
  at: Snapshot,
  graph: PipelineGraph,
  run: RunState,
  task: TaskInstance,
  siblings: readonly TaskInstance[],
): void {
  const label = `task ${task.task}[${task.map_index}] of run ${task.run_id}`;
  const counts = (list: readonly TaskInstance[]): string => {
    const bad = list.filter((t) => taskEnded(t.state) && t.state !== 'succeeded' && t.state !== 'skipped').length;
    return [
      list.filter((t) => !taskEnded(t.state)).length,
      bad,
      list.filter((t) => t.state === 'skipped').length,
    ].join();
  };
  const own = [task.blockers - Number(task.past_ms !== null), task.blockers_failed, task.blockers_skipped].join();
  const elements = siblings.filter((t) => t.task === task.task && t.map_index >= 0 && t.input_json !== null);
  if (task.map_index === -1) checkHeldUp(upstream(at, graph, task), task, label);
  if (task.map_index === -1 && task.state === 'waiting') {
    const counted = counts(upstream(at, graph, task));
    must(own === counted, () => `${label} counts ${own} before it, there are ${counted}`);
    must(run !== 'running' || task.blockers > 0, () => `${label} waits for nothing`);
  }
  if (task.state === 'expanded') {
    must(own === counts(elements), () => `${label} counts ${own} elements, there are ${counts(elements)}`);
    must(
      elements.some((t) => !taskEnded(t.state)),
      () => `${label} waits for no element`,
    );
  }
  if (task.map_index >= 0 && task.state === 'ready') {
    const parent = siblings.find((t) => t.task === task.task && t.map_index === -1);
    must(parent?.state === 'expanded', () => `${label} is ready under a ${parent?.state} task`);
  }
  if (task.map_index >= 0 && task.state === 'waiting') {
    const parent = siblings.find((t) => t.task === task.task && t.map_index === -1)!;
    must(!taskEnded(parent.state) && parent.state !== 'expanded', () => `${label} waits under a ${parent.state} task`);
  }
  if (task.state === 'running') {
    must(task.worker !== null && task.lease_until_ms !== null, () => `${label} runs without a lease`);
    must(at.attempts.get(`${task.id} ${task.attempt}`)?.worker === task.worker, () => `${label} has no such attempt`);
    if (task.data === 1)
      must(
        at.runs.get(task.run_id)!.holder === task.worker,
        () => `${label} runs with ${task.worker}, who does not hold it`,
      );
  } else must(task.worker === null && task.lease_until_ms === null, () => `${label} is ${task.state} and leased`);
}

/**
 * Nothing becomes ready, runs or ends by itself before what comes before it has ended; and whatever comes after a task that
 * is retried waits for it. (Marks let things go on without taking back what has run.)
 */
function checkOrder({ command, before, after, graphOf }: Step): void {
  const isRetry = command.do === 'retry' || command.do === 'retry-task';
  for (const task of after.tasks.values()) {
    const from = before.tasks.get(task.id)?.state;
    if (task.map_index >= 0 || task.state === 'waiting') continue;
    const earlier = upstream(after, graphOf(after.runs.get(task.run_id)!), task);
    const reopened = earlier.filter(
      (t) => !taskEnded(t.state) && taskEnded(before.tasks.get(t.id)?.state ?? 'waiting'),
    );
    const label = `task ${task.task} of run ${task.run_id}`;
    must(!isRetry || reopened.length === 0, () => `${label} is ${task.state} though ${reopened[0]?.task} is retried`);
    const byHand = task.marked_by !== null || task.state === 'cancelled';
    const unchosen = task.state === 'skipped' && task.detail?.startsWith('branch') === true;
    if (from === undefined || from === task.state || byHand || unchosen) continue;
    const open = earlier.filter((t) => !taskEnded(t.state));
    const taken = from === 'ready' || from === 'running' || from === 'expanded';
    must(
      taken || open.length === 0,
      () => `${label} is ${task.state} while ${open.map((t) => `${t.task} is ${t.state}`)}`,
    );
  }
}

function checkHeldUp(before: readonly TaskInstance[], task: TaskInstance, label: string): void {
  const failed = before.filter((t) => t.state === 'failed' || t.state === 'upstream_failed' || t.state === 'cancelled');
  must(task.state !== 'upstream_failed' || failed.length > 0, () => `${label} is held up by nothing`);
}
