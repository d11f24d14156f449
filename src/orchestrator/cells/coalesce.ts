import type { Interval } from '../../pipeline/interval.ts';

/** So many cells at most are one run: a month of days. */
export const MOST_COALESCED = 31;

/**
 * The runs that do these cells, in the order in which they begin: neighbours together, `most` at a time.
 * @param cells sorted, disjoint
 */
export function coalesce(
  cells: readonly Interval[],
  options: { readonly most: number; readonly newestFirst: boolean },
): readonly (readonly Interval[])[] {
  const { most, newestFirst } = options;
  const runs: Interval[][] = [];
  for (const cell of newestFirst ? cells.toReversed() : cells) {
    const last = runs.at(-1);
    const neighbour = last?.at(-1);
    const touches = newestFirst ? neighbour?.startMs === cell.endMs : neighbour?.endMs === cell.startMs;
    if (last !== undefined && touches && last.length < most) last.push(cell);
    else runs.push([cell]);
  }
  return newestFirst ? runs.map((run) => run.toReversed()) : runs;
}
