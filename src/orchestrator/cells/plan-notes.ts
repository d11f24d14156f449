import { formatInterval } from '../../pipeline/interval.ts';
import type { ListingState, PlanFacts } from './plan.ts';
import type { PlanGrid } from './plan-grid.ts';
import { agoText } from './why.ts';

/** What a person should know beside the cells, a sentence each. */
export function planNotes(of: {
  readonly grid: PlanGrid;
  readonly facts: PlanFacts;
  readonly promised: readonly (number | undefined)[];
  readonly running: number;
  /** Intervals that another one's run brings up too. */
  readonly carried: number;
}): readonly string[] {
  const { grid, facts, promised, running, carried } = of;
  const { pipeline, tasks } = facts.graph;
  const notes: string[] = [];
  if (grid.notOver !== undefined) notes.push(`${formatInterval(grid.notOver)} is not over yet and not in the plan.`);
  if (running > 0) notes.push(`${countOf(running)} under way already and not in the plan.`);
  for (const [id, count] of countBy(promised))
    notes.push(`${countOf(count)} planned by backfill ${id} already and not in the plan.`);
  if (carried > 0)
    notes.push(`${countOf(carried)} brought up by the same runs: every run reads the objects that they lack.`);
  const gone = facts.pending.filter((o) => o.change === 'gone');
  if (gone.length > 0) {
    const first = gone
      .slice(0, 3)
      .map((o) => o.name)
      .join(', ');
    notes.push(
      `${gone.length} published ${gone.length === 1 ? 'object is' : 'objects are'} gone from the source (${first}${gone.length > 3 ? ', …' : ''}); ${gone.length === 1 ? 'its' : 'their'} rows stay until sparkify run ${pipeline} --prune.`,
    );
  }
  if (tasks.some((t) => t.data) && facts.listings.every((l) => l.wholeAtMs === undefined))
    notes.push(
      'Its sources were never listed whole, so changes outside of what runs looked at are not seen; --refresh lists them.',
    );
  for (const { staging, error } of facts.listings)
    if (error !== undefined) notes.push(`${staging} could not be listed: ${error.message} ${error.remedy}`);
  return notes;
}

/** How old the knowledge of a source is. */
export function listingSentence({ staging, wholeAtMs, lookedAtMs, within }: ListingState, nowMs: number): string {
  const whole = wholeAtMs === undefined ? 'never listed whole' : `listed ${agoText(nowMs - wholeAtMs)}`;
  if (within === undefined) return `${staging}: ${whole}`;
  return `${staging}: ${whole}; ${formatInterval(within)} looked at ${agoText(nowMs - lookedAtMs)}`;
}

function countOf(intervals: number): string {
  return intervals === 1 ? '1 interval is' : `${intervals} intervals are`;
}

function countBy(ids: readonly (number | undefined)[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const id of ids) if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
