import type { Interval } from '../../pipeline/interval.ts';
import type { ActiveRun, Cause, Cell, CellFacts, IntervalCells, Outcome } from './cell.ts';
import { coveredParts, eachOverlap, type Painted, paint } from './over-grid.ts';
import { taskRoles } from './task-roles.ts';
import { causeOf, type Touch, touchesOver } from './touches.ts';
import {
  neverRead,
  neverRun,
  whyDone,
  whyFailed,
  whyHeldUp,
  whyMissing,
  whyOutdated,
  whyPartly,
  whyRunning,
  whyStale,
} from './why.ts';

/** How one interval stands, before any of its tasks is looked at. */
interface Stand {
  readonly covered: boolean;
  readonly parts: readonly Interval[];
  readonly touch: Touch | undefined;
  /** Why what is published is out of date; undefined when it is not, or nothing is published. */
  readonly cause: Cause | undefined;
  readonly active: readonly ActiveRun[];
  /** The first data task whose latest outcome is a failure. */
  readonly culprit: Outcome | undefined;
}

/**
 * The state of every task over every interval of the grid. Tasks on the data follow C, whatever runs and with which
 * intervals brought it about: a day of C is 24 hours that are done. Functions follow their latest outcomes in the same way.
 * @param grid sorted and disjoint
 */
export function cellStates(grid: readonly Interval[], facts: CellFacts): readonly IntervalCells[] {
  const { graph, coverage } = facts;
  const roles = taskRoles(graph);
  const outcomes = new Map<string, Outcome[]>();
  for (const outcome of facts.outcomes) {
    const list = outcomes.get(outcome.task);
    if (list === undefined) outcomes.set(outcome.task, [outcome]);
    else list.push(outcome);
  }
  const painted = graph.tasks.map((t) => paint(grid, outcomes.get(t.name) ?? []));
  const tried = graph.tasks.flatMap((t, i) => (outcomes.has(t.name) ? [painted[i]!] : []));
  const triedOnData = graph.tasks.flatMap((t, i) => (roles[i] === 'data' && outcomes.has(t.name) ? [painted[i]!] : []));
  const covered = coveredParts(grid, coverage?.intervals ?? []);
  const touches = touchesOver(grid, facts.pending);
  const active = activeOver(grid, facts.active);
  const redefined = coverage?.definition !== undefined && coverage.definition !== graph.semanticVersion;
  const standsAsBefore = (i: number): boolean =>
    i > 0 &&
    covered[i] === covered[i - 1] &&
    touches[i] === touches[i - 1] &&
    active[i] === active[i - 1] &&
    tried.every((of) => sayTheSame(of[i - 1], of[i]));
  let before: IntervalCells | undefined;
  return grid.map(({ startMs, endMs }, i): IntervalCells => {
    // Over years most days stand as the one before them: they have its cells.
    if (before !== undefined && standsAsBefore(i)) return { startMs, endMs, head: before.head, cells: before.cells };
    const part = covered[i]!;
    const touch = touches[i];
    const cause: Cause | undefined =
      part !== true ? undefined : redefined ? { kind: 'definition' } : touch && causeOf(touch);
    const stand: Stand = {
      covered: part === true,
      parts: typeof part === 'boolean' ? [] : part,
      touch,
      cause,
      active: active[i] ?? [],
      culprit: culpritOf(triedOnData, i),
    };
    const cells = graph.tasks.map((task, t) => {
      const seen = painted[t]![i];
      const run = stand.active.find((r) => r.tasks === undefined || r.tasks.includes(task.name));
      if (run !== undefined) return cell(task.name, 'running', whyRunning(run), run.id);
      if (roles[t] === 'data') return dataCell(task.name, stand, seen, facts);
      return functionCell(task.name, seen, roles[t] === 'after-data' ? stand.cause : undefined);
    });
    before = { startMs, endMs, head: headOf(cells, stand.culprit?.task), cells };
    return before;
  });
}

/** Whether what is seen of a task in two intervals leaves it in the same state for the same reason. */
function sayTheSame(a: Painted | undefined, b: Painted | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.bare.length + b.bare.length > 0 || a.seen.length > 1 || b.seen.length > 1) return false;
  const [one, other] = [a.seen[0]!, b.seen[0]!];
  return (
    one.runId === other.runId &&
    one.state === other.state &&
    one.reason === other.reason &&
    // When one failed tells whether it can have seen an object.
    (one.state !== 'failed' || one.atMs === other.atMs)
  );
}

function cell(task: string, state: Cell['state'], reason: string, runId?: number, cause?: Cause): Cell {
  return { task, state, reason, cause, runId };
}

function dataCell(task: string, stand: Stand, painted: Painted | undefined, facts: CellFacts): Cell {
  const { covered, cause, culprit, touch } = stand;
  const failure = painted?.seen.find((o) => o.state === 'failed');
  if (covered) {
    if (cause === undefined) return cell(task, 'done', whyDone(undefined));
    // Only a try that could have seen the object is a failed repair.
    const repair = cause.kind === 'object' && failure !== undefined && failure.atMs >= touch!.sinceMs;
    return repair
      ? cell(task, 'failed', whyFailed(failure, true), failure.runId, cause)
      : cell(task, 'stale', whyStale(cause), undefined, cause);
  }
  if (failure !== undefined) return cell(task, 'failed', whyFailed(failure, false), failure.runId);
  if (facts.coverage === undefined) return cell(task, 'missing', neverRead);
  if (culprit !== undefined) return cell(task, 'failed', whyHeldUp(culprit), culprit.runId);
  const outcome = painted?.seen[0];
  const reason = whyMissing({ outcome, parts: stand.parts, listed: touch?.dated, nowMs: facts.nowMs });
  return cell(task, 'missing', reason, outcome?.state === 'succeeded' ? undefined : outcome?.runId);
}

function functionCell(task: string, painted: Painted | undefined, cause: Cause | undefined): Cell {
  if (painted === undefined) return cell(task, 'missing', neverRun);
  const { seen, bare } = painted;
  const failure = seen.find((o) => o.state === 'failed');
  if (failure !== undefined) return cell(task, 'failed', whyFailed(failure, false), failure.runId);
  const cancelled = seen.find((o) => o.state === 'cancelled');
  if (cancelled !== undefined) return cell(task, 'missing', `run ${cancelled.runId} was cancelled`, cancelled.runId);
  if (bare.length > 0) return cell(task, 'missing', whyPartly(bare));
  const { runId } = seen[0]!;
  return cause === undefined
    ? cell(task, 'done', whyDone(seen[0]), runId)
    : cell(task, 'stale', whyOutdated(cause), runId, cause);
}

/** @param painted of the tasks on the data, in their order */
function culpritOf(painted: readonly (readonly (Painted | undefined)[])[], interval: number): Outcome | undefined {
  for (const of of painted) {
    const failure = of[interval]?.seen.find((o) => o.state === 'failed');
    if (failure !== undefined) return failure;
  }
  return undefined;
}

const EAGERNESS = { running: 0, cancelling: 1, queued: 2 } as const;

function activeOver(
  grid: readonly Interval[],
  active: readonly ActiveRun[],
): readonly (readonly ActiveRun[] | undefined)[] {
  const over: (ActiveRun[] | undefined)[] = grid.map(() => undefined);
  const sorted = [...active].sort((a, b) => EAGERNESS[a.state] - EAGERNESS[b.state] || a.id - b.id);
  for (const run of sorted)
    eachOverlap(grid, run, (i) => {
      const list = over[i];
      if (list === undefined) over[i] = [run];
      else list.push(run);
    });
  return over;
}

/** Of several states the one that a person wants to see first. */
const URGENCY: Readonly<Record<Cell['state'], number>> = { running: 0, failed: 1, stale: 2, missing: 3, done: 4 };

function headOf(cells: readonly Cell[], culprit: string | undefined): Cell {
  const head = cells.reduce((first, each) => (URGENCY[each.state] < URGENCY[first.state] ? each : first));
  // Whoever failed says more than those it held up.
  return (head.state === 'failed' ? cells.find((c) => c.task === culprit && c.state === 'failed') : undefined) ?? head;
}
