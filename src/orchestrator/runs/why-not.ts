import { formatInstant } from '../../pipeline/interval.ts';
import { runEnded, taskEnded } from '../model/states.ts';
import type { TaskInstance } from '../store/tables.ts';
import type { WaitingFacts } from './waiting-facts.ts';

/** How many names a sentence lists. */
const MAX_NAMED = 3;

/**
 * Why a task does not run just now, as a sentence without its end; undefined for one that runs or has succeeded. What holds
 * it up longest comes first: its run, what comes before it, its own next time, pools, the warehouse, workers.
 */
export function whyNot(task: TaskInstance, facts: WaitingFacts): string | undefined {
  const { run } = facts;
  switch (task.state) {
    case 'running':
    case 'succeeded':
      return undefined;
    case 'failed':
    case 'skipped':
    case 'upstream_failed':
    case 'cancelled':
      return task.detail ?? task.state.replace('_', ' ');
    case 'expanded':
      return `${task.blockers} ${task.blockers === 1 ? 'element is' : 'elements are'} left${task.blockers_failed > 0 ? `, ${task.blockers_failed} failed` : ''}`;
    case 'waiting':
      return run.state === 'queued' ? whyQueued(facts) : whyWaiting(task, facts);
    case 'ready':
      return whyReady(task, facts);
  }
}

/** Why a run does not begin or end, as a sentence without its end; undefined for one that has ended or gets on. */
export function whyRunWaits(facts: WaitingFacts): string | undefined {
  const { run, tasks } = facts;
  if (runEnded(run.state)) return undefined;
  if (run.state === 'queued') return whyQueued(facts);
  const open = [...tasks.values()].filter((t) => !taskEnded(t.state));
  if (open.some((t) => t.state === 'running' || t.state === 'expanded')) return undefined;
  const next = open.find((t) => t.state === 'ready') ?? open[0];
  const why = next === undefined ? undefined : whyNot(next, facts);
  return why === undefined ? undefined : `${next!.task}: ${why}`;
}

function whyQueued(facts: WaitingFacts): string {
  const { run, graph, pipeline, backfill, workers } = facts;
  if (pipeline !== undefined && pipeline.state !== 'active') return `pipeline ${run.pipeline} is ${pipeline.state}`;
  const { maxActiveRuns } = graph.graph;
  switch (run.kind) {
    case 'scheduled': {
      if (pipeline?.paused === 1) return `pipeline ${run.pipeline} is paused`;
      // The clock was set back after it was made.
      if (run.due_at_ms > facts.nowMs) return `its interval is not over until ${formatInstant(run.due_at_ms)}`;
      const places = whyNoPlace(facts, maxActiveRuns, `scheduled runs of ${run.pipeline}`);
      if (places !== undefined) return places;
      break;
    }
    case 'backfill': {
      if (backfill === undefined) break;
      const whole = `backfill ${run.backfill_id}`;
      if (backfill.state !== 'running') return `${whole} is ${backfill.state}`;
      const places = whyNoPlace(facts, backfill.max_active, `runs of ${whole}`);
      if (places !== undefined) return places;
      break;
    }
    case 'manual':
  }
  if (!workers.some((w) => w.kind === 'up' || w.kind === 'command')) return 'no scheduler runs: start `sparkify up`';
  return 'the scheduler is about to start it';
}

/** As many runs of its kind are under way as there may be. */
function whyNoPlace({ run, active }: WaitingFacts, limit: number, what: string): string | undefined {
  const underWay = active.filter(
    (r) =>
      r.pipeline === run.pipeline && r.kind === run.kind && r.backfill_id === run.backfill_id && r.state !== 'queued',
  );
  if (underWay.length < limit) return undefined;
  return `${underWay.length} of ${limit} ${what} are under way: ${list(underWay.map((r) => `run ${r.id}`))}`;
}

function whyWaiting(task: TaskInstance, facts: WaitingFacts): string {
  const { graph, tasks } = facts;
  const before = graph.tasks.get(task.task)?.after ?? [];
  const open = before.filter((name) => {
    const state = tasks.get(name)?.state;
    return state !== undefined && !taskEnded(state);
  });
  if (task.map_index >= 0) return `waits for ${task.task} to give its elements`;
  if (task.past_ms !== null) {
    const past = `${task.task} of the interval that ended at ${formatInstant(task.past_ms)} has not succeeded`;
    return open.length === 0 ? past : `waits for ${list(open)}; ${past}`;
  }
  return open.length === 0 ? 'is about to be judged' : `waits for ${list(open)}`;
}

function whyReady(task: TaskInstance, facts: WaitingFacts): string {
  return (
    whyLater(task, facts) ??
    whyNoWorker(task, facts) ??
    whyPool(task, facts) ??
    whyWarehouse(task, facts) ??
    whySlots(task, facts)
  );
}

/** Its own time has not come. */
function whyLater(task: TaskInstance, { nowMs, graph }: WaitingFacts): string | undefined {
  if (task.ready_at_ms <= nowMs) return undefined;
  const at = formatInstant(task.ready_at_ms);
  const told = task.detail === null ? '' : `: ${task.detail}`;
  const retries = graph.tasks.get(task.task)?.retries.max ?? 0;
  if (graph.tasks.get(task.task)?.sensor !== undefined && task.looks > 0)
    return `looks again at ${at} (${task.looks} so far)${told}`;
  if (task.failures > 0 && task.error_json !== null) {
    const { code } = JSON.parse(task.error_json) as { readonly code: string };
    return `retry ${task.failures} of ${retries} at ${at} after ${code}${told}`;
  }
  if (task.crashes > 0) return `tried again at ${at}${told}`;
  return `may start at ${at}`;
}

function whyNoWorker(task: TaskInstance, { workers }: WaitingFacts): string | undefined {
  if (workers.length === 0) return 'no worker runs: start `sparkify up`';
  if (workers.some((w) => w.queues.includes(task.queue))) return undefined;
  return `no worker serves the queue ${task.queue}: start one with \`sparkify worker --queues ${task.queue}\``;
}

function whyPool(task: TaskInstance, { pools }: WaitingFacts): string | undefined {
  if (task.pool === null) return undefined;
  const pool = pools.get(task.pool);
  if (pool === undefined) return `there is no pool ${task.pool}: define it under \`pools\` in sparkify.config.ts`;
  if (task.pool_slots > pool.slots)
    return `it wants ${task.pool_slots} slots of pool ${task.pool}, which has ${pool.slots}`;
  if (pool.slots - pool.used >= task.pool_slots) return undefined;
  const full = pool.used >= pool.slots ? 'is full' : `has too little room for ${task.pool_slots}`;
  return `pool ${task.pool} ${full} (${pool.used} of ${pool.slots}: ${list(pool.users)})`;
}

function whyWarehouse(task: TaskInstance, { run, active, workers }: WaitingFacts): string | undefined {
  if (task.data === 0) return undefined;
  if (run.holder !== null) {
    const holder = workers.find((w) => w.id === run.holder);
    if (holder !== undefined && holder.busy < holder.slots) return undefined;
    return `${run.holder}, which has the run's warehouse open, is ${holder === undefined ? 'gone' : 'busy'}`;
  }
  const held = active.find((r) => r.pipeline === run.pipeline && r.holder !== null);
  return held === undefined ? undefined : `run ${held.id} of ${run.pipeline} has the warehouse open (${held.holder})`;
}

function whySlots(task: TaskInstance, { workers }: WaitingFacts): string {
  const serving = workers.filter((w) => w.queues.includes(task.queue));
  const slots = serving.reduce((sum, w) => sum + w.slots, 0);
  const busy = serving.reduce((sum, w) => sum + Math.min(w.busy, w.slots), 0);
  return busy >= slots ? `all slots are taken (${busy} of ${slots})` : 'is about to be claimed';
}

function list(names: readonly string[]): string {
  const rest = names.length - MAX_NAMED;
  return rest > 0 ? `${names.slice(0, MAX_NAMED).join(', ')} and ${rest} more` : names.join(', ');
}
