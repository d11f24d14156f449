import { SparkifyError } from '../../core/errors.ts';
import { EPOCH_MS_MAX } from '../../pipeline/column.ts';
import type { GraphSchedule, PipelineGraph } from '../../pipeline/graph.ts';
import { ALL_TIME, formatInstant, formatInterval, type Interval } from '../../pipeline/interval.ts';
import { gridOf, type IntervalGrid } from '../../pipeline/interval-grid.ts';

/** Which time a plan is about, in epoch milliseconds. */
export interface PlanRange {
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Length of an interval, for a pipeline without a schedule. */
  readonly everyMs?: number;
}

export interface PlanGrid {
  /** Sorted, disjoint. */
  readonly intervals: readonly Interval[];
  /** What was asked for and is not over yet; undefined when all of it is. */
  readonly notOver: Interval | undefined;
}

export const MOST_INTERVALS = 50_000;
/** Of a schedule without a start of which nothing is known, so many intervals before now. */
const USUAL_INTERVALS = 30;

/**
 * The intervals of a plan: those of the schedule that are over by now. Without a schedule `from` and `to` make one interval,
 * which `every` cuts; without those, too, it is all time.
 * @param earliestMs the earliest time of which the store knows anything, for a schedule without a start
 * @throws INTERVAL_INVALID, INTERVAL_OFF_GRID, PLAN_INTERVAL_NEEDED, PLAN_TOO_LARGE, USAGE
 */
export function planGrid(
  graph: PipelineGraph,
  range: PlanRange,
  at: { readonly nowMs: number; readonly earliestMs: number | undefined },
): PlanGrid {
  const { fromMs, toMs } = range;
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs)
    throw new SparkifyError('INTERVAL_INVALID', {
      text: `${formatInstant(fromMs)}/${formatInstant(toMs)}`,
      detail: 'it ends before it begins, or is empty',
    });
  const { schedule, pipeline } = graph;
  if (schedule === undefined) return { intervals: withoutSchedule(pipeline, range), notOver: undefined };
  if (range.everyMs !== undefined)
    throw new SparkifyError('USAGE', {
      detail: `The intervals of pipeline ${pipeline} are those of its schedule, ${schedule.text}.`,
      fix: 'Leave --every out.',
    });
  return onSchedule(pipeline, schedule, range, at);
}

function withoutSchedule(pipeline: string, { fromMs, toMs, everyMs }: PlanRange): readonly Interval[] {
  if (fromMs === undefined || toMs === undefined) {
    if (fromMs === undefined && toMs === undefined && everyMs === undefined) return [ALL_TIME];
    throw new SparkifyError('PLAN_INTERVAL_NEEDED', { pipeline });
  }
  const length = everyMs ?? toMs - fromMs;
  if (length <= 0 || (toMs - fromMs) / length > MOST_INTERVALS)
    throw new SparkifyError('PLAN_TOO_LARGE', { pipeline, limit: MOST_INTERVALS });
  const intervals: Interval[] = [];
  for (let at = fromMs; at < toMs; at += length) intervals.push({ startMs: at, endMs: Math.min(at + length, toMs) });
  return intervals;
}

function onSchedule(
  pipeline: string,
  schedule: GraphSchedule,
  range: PlanRange,
  { nowMs, earliestMs }: { readonly nowMs: number; readonly earliestMs: number | undefined },
): PlanGrid {
  const grid = gridOf(schedule);
  const { fromMs = usualStart(grid, schedule, nowMs, earliestMs), toMs = grid.previous(nowMs)?.endMs } = range;
  if (fromMs === undefined || toMs === undefined || toMs <= fromMs) {
    // Only one end was given, and there is nothing on its other side.
    requireEdges(pipeline, grid, schedule, range);
    return { intervals: [], notOver: undefined };
  }
  requireEdges(pipeline, grid, schedule, { fromMs, toMs });
  const intervals: Interval[] = [];
  for (const interval of grid.endingIn(fromMs, Math.min(toMs, nowMs))) {
    if (intervals.length === MOST_INTERVALS)
      throw new SparkifyError('PLAN_TOO_LARGE', { pipeline, limit: MOST_INTERVALS });
    intervals.push(interval);
  }
  const overMs = intervals.at(-1)?.endMs ?? fromMs;
  return { intervals, notOver: overMs < toMs ? { startMs: overMs, endMs: toMs } : undefined };
}

function usualStart(
  grid: IntervalGrid,
  schedule: GraphSchedule,
  nowMs: number,
  earliestMs: number | undefined,
): number | undefined {
  if (schedule.startless !== true) return grid.next(schedule.startMs)?.startMs;
  if (earliestMs !== undefined) return grid.next(earliestMs)?.startMs;
  let start = grid.previous(nowMs)?.startMs;
  for (let i = 1; i < USUAL_INTERVALS && start !== undefined; i++) start = grid.previous(start)?.startMs ?? start;
  return start;
}

/** @throws INTERVAL_OFF_GRID when the range begins or ends within an interval, or outside of the schedule */
function requireEdges(pipeline: string, grid: IntervalGrid, schedule: GraphSchedule, range: PlanRange): void {
  const { fromMs, toMs } = range;
  const begins = fromMs === undefined || grid.next(fromMs)?.startMs === fromMs;
  const ends = toMs === undefined || grid.previous(toMs)?.endMs === toMs;
  if (begins && ends) return;
  const given = {
    startMs: fromMs ?? grid.next(schedule.startMs)?.startMs ?? schedule.startMs,
    endMs: toMs ?? grid.previous(EPOCH_MS_MAX)?.endMs ?? EPOCH_MS_MAX,
  };
  const interval = fromMs === undefined || toMs === undefined ? formatInstant(fromMs ?? toMs!) : formatInterval(given);
  throw new SparkifyError('INTERVAL_OFF_GRID', { pipeline, interval, near: nearest(grid, schedule, given) });
}

/** The whole intervals around what was given, or the end of the schedule that is nearest. */
function nearest(grid: IntervalGrid, schedule: GraphSchedule, given: Interval): string {
  const startMs = grid.of(given.startMs)?.startMs ?? grid.next(given.startMs)?.startMs;
  const endMs = grid.of(given.endMs - 1)?.endMs ?? grid.previous(given.endMs)?.endMs;
  if (startMs !== undefined && endMs !== undefined && startMs < endMs) return formatInterval({ startMs, endMs });
  const edge = startMs === undefined ? grid.previous(EPOCH_MS_MAX) : grid.next(schedule.startMs);
  return edge === undefined ? schedule.text : formatInterval(edge);
}
