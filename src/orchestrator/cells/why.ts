/** The reasons of cells as parts of sentences: `stale: …-events.json changed after it was published`. */
import { formatInterval, type Interval } from '../../pipeline/interval.ts';
import type { ActiveRun, Cause, Cell, Outcome } from './cell.ts';

/** A state with its reason, as people read it. */
export function cellSentence({ state, reason }: Pick<Cell, 'state' | 'reason'>): string {
  return `${state}: ${reason}`;
}

export function whyRunning({ id, state }: ActiveRun): string {
  if (state === 'queued') return `run ${id} waits for its turn`;
  return state === 'cancelling' ? `run ${id} is being cancelled` : `run ${id} is at it`;
}

export function whyStale(cause: Cause): string {
  if (cause.kind === 'definition') return 'the definition changed after it was published';
  const { name, change, more } = cause;
  const others = more === 0 ? '' : more === 1 ? ', and another object' : `, and ${more} other objects`;
  return change === 'changed'
    ? `${name} changed after it was published${others}`
    : `${name} came after it was published${others}`;
}

/** Of a function that works on what is published. */
export function whyOutdated(cause: Cause): string {
  return `it worked on what is stale now: ${whyStale(cause)}`;
}

export function whyFailed(outcome: Outcome, published: boolean): string {
  const said = outcome.reason === undefined ? '' : `: ${clipped(outcome.reason)}`;
  return `${outcome.task} failed in run ${outcome.runId}${said}${published ? ' (an older version is published)' : ''}`;
}

/** Of a task that did its part of what another one kept from being published. */
export function whyHeldUp({ task, runId }: Outcome): string {
  return `not published, because ${task} failed in run ${runId}`;
}

export function whyDone(outcome: Outcome | undefined): string {
  if (outcome === undefined) return 'published';
  if (outcome.state === 'skipped') return `left out in run ${outcome.runId}${because(outcome)}`;
  return `done by run ${outcome.runId}`;
}

/** Nothing is published, and no try failed. */
export function whyMissing(of: {
  /** What the latest run said that left it out or was cancelled. */
  readonly outcome: Outcome | undefined;
  /** What is published of it. */
  readonly parts: readonly Interval[];
  /** Objects of its time that are listed and not published, and when the first of them was seen. */
  readonly listed: { readonly count: number; readonly sinceMs: number } | undefined;
  readonly nowMs: number;
}): string {
  const { outcome, parts, listed, nowMs } = of;
  if (parts.length > 0) return `published in part only: ${some(parts)}`;
  if (outcome?.state === 'skipped') return `never published; left out in run ${outcome.runId}${because(outcome)}`;
  if (outcome?.state === 'cancelled') return `never published; run ${outcome.runId} was cancelled`;
  if (listed === undefined) return 'never published';
  const objects = listed.count === 1 ? 'its object was' : `its ${listed.count} objects were`;
  return `never published; ${objects} listed ${agoText(nowMs - listed.sinceMs)}`;
}

export const neverRead = 'what is published was never read from the warehouse';
export const neverRun = 'never run';

export function whyPartly(bare: readonly Interval[]): string {
  return `never run for ${some(bare)}`;
}

/** How long ago, in the unit that people would take. */
export function agoText(ms: number): string {
  const units = [
    ['day', 86_400_000],
    ['hour', 3_600_000],
    ['minute', 60_000],
    ['second', 1000],
  ] as const;
  for (const [name, length] of units) {
    const count = Math.floor(ms / length);
    if (count > 0) return `${count} ${name}${count === 1 ? '' : 's'} ago`;
  }
  return 'just now';
}

function because({ reason }: Outcome): string {
  return reason === undefined ? '' : `: ${clipped(reason)}`;
}

const LONGEST = 300;

function clipped(text: string): string {
  const line = text.replace(/\s+/gu, ' ').trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)} …` : line;
}

function some(intervals: readonly Interval[]): string {
  const first = intervals.slice(0, 3).map(formatInterval).join(', ');
  return intervals.length > 3 ? `${first} and ${intervals.length - 3} more` : first;
}
