import { SparkifyError } from '../../core/errors.ts';
import type { PipelineGraph } from '../../pipeline/graph.ts';
import type { Cell, CellState, IntervalCells } from './cell.ts';
import { cellStates } from './cell-states.ts';
import { coalesce, MOST_COALESCED } from './coalesce.ts';
import { eachOverlap } from './over-grid.ts';
import type { Plan, PlanCell, PlanFacts, PlanRequest, PlanScope } from './plan.ts';
import type { PlanGrid } from './plan-grid.ts';
import { planNotes } from './plan-notes.ts';
import { plannedReads } from './plan-reads.ts';
import { planTasks } from './plan-tasks.ts';
import { coalesces, taskRoles } from './task-roles.ts';

/**
 * The plan over these intervals. Changes nothing, and depends on nothing but what is given: made again from the same facts
 * it is the same.
 * @throws TASK_UNKNOWN, PLAN_ORDER_INVALID
 */
export function planCells(grid: PlanGrid, facts: PlanFacts, request: PlanRequest = {}): Plan {
  const { graph, coverage, nowMs } = facts;
  const { scope = 'open', tasks: asked, newestFirst = false } = request;
  const tasks = planTasks(graph, asked);
  const states = cellStates(grid.intervals, facts);
  const judged = graph.tasks.flatMap((t, i) => (tasks.judged.has(t.name) ? [i] : []));
  const promised = promisedBy(grid, facts);
  const wantsOne = foundOnce((cells) =>
    isWanted(
      judged.map((t) => cells[t]!),
      scope,
    ),
  );
  const wanted = states.map(({ cells }, i) => promised[i] === undefined && wantsOne(cells));
  const chosen = leaveOutCarried(graph, states, judged, wanted, scope);
  const chosenCells = states.filter((_, i) => chosen[i]);
  const carriedOut = tasks.carriedOut((name) => {
    const t = graph.tasks.findIndex((task) => task.name === name);
    return chosenCells.every((each) => each.cells[t]!.state === 'done');
  });
  if (newestFirst) requireNoPast(graph, carriedOut);
  const together = graph.tasks.filter((t) => carriedOut === undefined || carriedOut.includes(t.name));
  const groups = coalesce(
    chosenCells.map(({ startMs, endMs }) => ({ startMs, endMs })),
    { most: request.coalesce ?? (coalesces(together) ? MOST_COALESCED : 1), newestFirst },
  );
  const { reads, runs } = plannedReads(
    groups,
    facts.pending,
    together.some((t) => t.data),
  );
  const cells = states.map(
    ({ startMs, endMs, head, cells: ofTasks }, i): PlanCell => ({
      startMs,
      endMs,
      head,
      cells: ofTasks,
      chosen: chosen[i]!,
    }),
  );
  const isRunning = foundOnce((ofTasks) => ofTasks.some((c) => c.state === 'running'));
  const redefined = coverage?.definition !== undefined && coverage.definition !== graph.semanticVersion;
  return {
    pipeline: graph.pipeline,
    version: graph.version,
    semanticVersion: graph.semanticVersion,
    atMs: nowMs,
    interval: cells.length === 0 ? undefined : { startMs: cells[0]!.startMs, endMs: cells.at(-1)!.endMs },
    scope,
    newestFirst,
    asked,
    tasks: carriedOut,
    cells,
    counts: countStates(cells),
    runs,
    reads,
    coverage: coverage && { atMs: coverage.atMs, epoch: coverage.epoch },
    listings: facts.listings,
    blocked: redefined && together.some((t) => t.data) ? rebuildFirst(graph.pipeline) : undefined,
    notes: planNotes({
      grid,
      facts,
      promised,
      running: states.filter((each) => isRunning(each.cells)).length,
      carried: wanted.filter((is, i) => is && !chosen[i]).length,
    }),
  };
}

/** What follows from the cells of an interval, not looked for again where the next interval has the same ones. */
function foundOnce(find: (cells: readonly Cell[]) => boolean): (cells: readonly Cell[]) => boolean {
  let last: readonly Cell[] | undefined;
  let found = false;
  return (cells) => {
    if (cells !== last) found = find(cells);
    last = cells;
    return found;
  };
}

function isWanted(cells: readonly Cell[], scope: PlanScope): boolean {
  return !cells.some((c) => c.state === 'running') && cells.some((c) => inScope(c, scope));
}

function inScope({ state, cause }: Cell, scope: PlanScope): boolean {
  switch (scope) {
    case 'all':
      return true;
    case 'open':
      return state !== 'done';
    case 'stale':
      // A repair that failed left it stale.
      return state === 'stale' || (state === 'failed' && cause !== undefined);
    case 'missing':
    case 'failed':
      return state === scope;
  }
}

/** Which backfill has promised to do each interval. */
function promisedBy(grid: PlanGrid, facts: PlanFacts): readonly (number | undefined)[] {
  const by: (number | undefined)[] = grid.intervals.map(() => undefined);
  for (const cell of facts.promised)
    eachOverlap(grid.intervals, cell, (i) => {
      by[i] ??= cell.backfillId;
    });
  return by;
}

/**
 * Objects that belong to no period are read by every run, and one publish brings everything up to them. Intervals that lack
 * nothing else need no run of their own, unless functions work on what is published: one run does for all.
 */
function leaveOutCarried(
  graph: PipelineGraph,
  states: readonly IntervalCells[],
  judged: readonly number[],
  wanted: readonly boolean[],
  scope: PlanScope,
): readonly boolean[] {
  const roles = taskRoles(graph);
  if (scope === 'all' || judged.some((t) => roles[t] !== 'data')) return wanted;
  const carried = states.map(
    ({ cells }, i) =>
      wanted[i]! &&
      judged.every((t) => {
        const { state, cause } = cells[t]!;
        return state === 'stale' && cause?.kind === 'object' && !cause.dated;
      }),
  );
  const chosen = wanted.map((is, i) => is && !carried[i]);
  const carrier = carried.lastIndexOf(true);
  if (carrier !== -1 && !chosen.includes(true)) chosen[carrier] = true;
  return chosen;
}

function requireNoPast(graph: PipelineGraph, carriedOut: readonly string[] | undefined): void {
  const task = graph.tasks.find((t) => t.dependsOnPast && carriedOut?.includes(t.name) !== false);
  if (task !== undefined) throw new SparkifyError('PLAN_ORDER_INVALID', { pipeline: graph.pipeline, task: task.name });
}

function countStates(cells: readonly IntervalCells[]): Record<CellState, number> {
  const counts: Record<CellState, number> = { done: 0, missing: 0, failed: 0, stale: 0, running: 0 };
  for (const { head } of cells) counts[head.state] += 1;
  return counts;
}

function rebuildFirst(pipeline: string): Plan['blocked'] {
  const { code, message, remedy } = new SparkifyError('REBUILD_FIRST', { pipeline });
  return { code, message, remedy };
}
