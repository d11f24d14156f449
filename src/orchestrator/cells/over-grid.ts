import { type Interval, subtract } from '../../pipeline/interval.ts';
import type { Outcome } from './cell.ts';

/** Where in the sorted, disjoint grid the first interval lies that ends after the instant. */
export function firstAfter(grid: readonly Interval[], atMs: number): number {
  let low = 0;
  let high = grid.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (grid[middle]!.endMs > atMs) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Calls `visit` with the number of each interval of the grid that overlaps `span`. */
export function eachOverlap(grid: readonly Interval[], span: Interval, visit: (index: number) => void): void {
  for (let i = firstAfter(grid, span.startMs); i < grid.length && grid[i]!.startMs < span.endMs; i++) visit(i);
}

/** How much of each interval is covered: true whole, false not at all, else the parts that are. */
export function coveredParts(
  grid: readonly Interval[],
  coverage: readonly Interval[],
): readonly (boolean | readonly Interval[])[] {
  const parts: (boolean | Interval[])[] = grid.map(() => false);
  for (const span of coverage)
    eachOverlap(grid, span, (i) => {
      const { startMs, endMs } = grid[i]!;
      if (span.startMs <= startMs && endMs <= span.endMs) parts[i] = true;
      else {
        const part = { startMs: Math.max(startMs, span.startMs), endMs: Math.min(endMs, span.endMs) };
        const known = parts[i];
        if (typeof known === 'boolean') parts[i] = [part];
        else known!.push(part);
      }
    });
  return parts;
}

/** What the outcomes of one task say of one interval of the grid. */
export interface Painted {
  /** The outcomes that are seen in it, newest first: what is newer hides what is older. */
  readonly seen: readonly Outcome[];
  /** What no outcome speaks of. */
  readonly bare: readonly Interval[];
}

/**
 * The outcomes of one task as today's grid sees them, whatever grid they were made on: of each interval those that are on
 * top of others; undefined where there is none.
 */
export function paint(grid: readonly Interval[], outcomes: readonly Outcome[]): readonly (Painted | undefined)[] {
  const over: (Outcome[] | undefined)[] = grid.map(() => undefined);
  for (const outcome of outcomes)
    eachOverlap(grid, outcome, (i) => {
      const list = over[i];
      if (list === undefined) over[i] = [outcome];
      else list.push(outcome);
    });
  return over.map((list, i) => (list === undefined ? undefined : uppermost(grid[i]!, list)));
}

function uppermost(interval: Interval, outcomes: Outcome[]): Painted {
  const [only] = outcomes;
  if (outcomes.length === 1 && only!.startMs <= interval.startMs && only!.endMs >= interval.endMs)
    return { seen: outcomes, bare: [] };
  outcomes.sort((a, b) => b.atMs - a.atMs || b.runId - a.runId);
  const seen: Outcome[] = [];
  let bare: readonly Interval[] = [{ startMs: interval.startMs, endMs: interval.endMs }];
  for (const outcome of outcomes) {
    const rest = subtract(bare, [outcome]);
    const length = (parts: readonly Interval[]): number => parts.reduce((sum, p) => sum + p.endMs - p.startMs, 0);
    if (length(rest) < length(bare)) seen.push(outcome);
    bare = rest;
    if (bare.length === 0) break;
  }
  return { seen, bare };
}
