import type { Interval } from '../../pipeline/interval.ts';
import type { PendingObject } from './cell.ts';
import { eachOverlap } from './over-grid.ts';
import type { Plan, PlannedObject, PlannedRun } from './plan.ts';

/** So many objects are named. */
const MOST_NAMED = 50;

/**
 * What runs over these cells would read, as far as it is listed: an object of a period with the first run that touches it,
 * all others with the first run of all.
 * @param groups the runs' cells, in the order in which the runs begin
 * @param readsData whether the runs read objects at all
 */
export function plannedReads(
  groups: readonly (readonly Interval[])[],
  pending: readonly PendingObject[],
  readsData: boolean,
): { readonly reads: Plan['reads']; readonly runs: readonly PlannedRun[] } {
  const counts = groups.map(() => 0);
  const inTime = groups
    .map((cells, run) => ({ startMs: cells[0]!.startMs, endMs: cells.at(-1)!.endMs, run }))
    .sort((a, b) => a.startMs - b.startMs);
  const first: PlannedObject[] = [];
  let objects = 0;
  let sizeBytes = 0;
  for (const object of readsData && groups.length > 0 ? pending : []) {
    const { staging, name, change, period } = object;
    if (change === 'gone') continue;
    let reader: number | undefined = period === undefined ? 0 : undefined;
    if (period !== undefined)
      eachOverlap(inTime, period, (i) => {
        reader = Math.min(reader ?? inTime[i]!.run, inTime[i]!.run);
      });
    if (reader === undefined) continue;
    counts[reader]! += 1;
    objects += 1;
    sizeBytes += object.sizeBytes;
    if (first.length < MOST_NAMED) first.push({ staging, name, change, sizeBytes: object.sizeBytes });
  }
  const runs = groups.map(
    (cells, i): PlannedRun => ({
      startMs: cells[0]!.startMs,
      endMs: cells.at(-1)!.endMs,
      cells,
      objects: counts[i]!,
    }),
  );
  return { reads: { objects, sizeBytes, first }, runs };
}
