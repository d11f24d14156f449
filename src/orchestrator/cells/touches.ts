import type { Interval } from '../../pipeline/interval.ts';
import type { Cause, PendingObject } from './cell.ts';
import { eachOverlap } from './over-grid.ts';

/** How many objects, and when the first of them was seen. */
interface Seen {
  readonly count: number;
  readonly sinceMs: number;
}

/** The pending objects that touch one interval. */
export interface Touch extends Seen {
  readonly first: PendingObject;
  /** Those among them that belong to a period; the others touch everything. */
  readonly dated: Seen | undefined;
}

/** Which pending objects touch which interval of the grid; what is merely gone touches nothing. */
export function touchesOver(
  grid: readonly Interval[],
  pending: readonly PendingObject[],
): readonly (Touch | undefined)[] {
  let everywhere: Touch | undefined;
  const touches: (Touch | undefined)[] = grid.map(() => undefined);
  for (const object of pending) {
    const { period, change } = object;
    if (change === 'gone') continue;
    if (period === undefined) everywhere = withOne(everywhere, object);
    else
      eachOverlap(grid, period, (i) => {
        touches[i] = withOne(touches[i], object);
      });
  }
  return everywhere === undefined ? touches : touches.map((own) => together(own, everywhere));
}

function withOne(touch: Touch | undefined, object: PendingObject): Touch {
  const seen: Seen = {
    count: (touch?.count ?? 0) + 1,
    sinceMs: Math.min(touch?.sinceMs ?? object.listedAtMs, object.listedAtMs),
  };
  return { first: touch?.first ?? object, ...seen, dated: object.period === undefined ? undefined : seen };
}

/** What belongs to the interval's time is named before what belongs to all time. */
function together(own: Touch | undefined, everywhere: Touch): Touch {
  if (own === undefined) return everywhere;
  return {
    first: own.first,
    count: own.count + everywhere.count,
    sinceMs: Math.min(own.sinceMs, everywhere.sinceMs),
    dated: own.dated,
  };
}

export function causeOf({ first, count, dated }: Touch): Cause {
  const { staging, uri, name, change } = first;
  return {
    kind: 'object',
    staging,
    uri,
    name,
    change: change === 'changed' ? 'changed' : 'new',
    more: count - 1,
    dated: dated !== undefined,
  };
}
