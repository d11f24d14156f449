import type { Interval } from '../../pipeline/interval.ts';
import type { BackfillRow } from '../store/tables.ts';
import type { CellFacts, CellState, Coverage, IntervalCells } from './cell.ts';

/** Which cells are to be done; open: whatever is not done. Cells that run are in none of them. */
export type PlanScope = BackfillRow['scope'];

export const planScopes = ['open', 'missing', 'failed', 'stale', 'all'] as const satisfies readonly PlanScope[];

export interface PlanRequest {
  /** @default 'open' */
  readonly scope?: PlanScope;
  /** Names of tasks or groups; what comes after them is meant too. @default every task */
  readonly tasks?: readonly string[];
  /** @default false */
  readonly newestFirst?: boolean;
  /** So many neighbours at most are one run. @default 31 where that comes to the same, else 1 */
  readonly coalesce?: number;
}

/** The last looks at a staging's source. */
export interface ListingState {
  readonly staging: string;
  /** Undefined: never listed whole. */
  readonly wholeAtMs: number | undefined;
  readonly lookedAtMs: number;
  /** What the last look was at; undefined: the whole. */
  readonly within: Interval | undefined;
  readonly objects: number;
  /** Why the last look failed. */
  readonly error: { readonly code: string; readonly message: string; readonly remedy: string } | undefined;
}

/** A cell that a backfill is about to do. */
export interface PromisedCell extends Interval {
  readonly backfillId: number;
}

export interface PlanFacts extends CellFacts {
  readonly listings: readonly ListingState[];
  readonly promised: readonly PromisedCell[];
}

export interface PlanCell extends IntervalCells {
  /** Whether the plan does it. */
  readonly chosen: boolean;
}

export interface PlannedRun extends Interval {
  /** In the order of time. */
  readonly cells: readonly Interval[];
  /** Listed objects that it would read. */
  readonly objects: number;
}

export interface PlannedObject {
  readonly staging: string;
  readonly name: string;
  readonly change: 'new' | 'changed';
  readonly sizeBytes: number;
}

/** What there is, what would be done about it, and why: a value, from which the same is shown and frozen. */
export interface Plan {
  readonly pipeline: string;
  readonly version: string;
  readonly semanticVersion: string;
  readonly atMs: number;
  /** From the beginning of the first interval to the end of the last one; undefined when there is none. */
  readonly interval: Interval | undefined;
  readonly scope: PlanScope;
  readonly newestFirst: boolean;
  /** The tasks that were asked for; undefined: all. */
  readonly asked: readonly string[] | undefined;
  /** What the runs carry out; undefined: every task. */
  readonly tasks: readonly string[] | undefined;
  readonly cells: readonly PlanCell[];
  /** Intervals by the state of the cell that speaks for them. */
  readonly counts: Readonly<Record<CellState, number>>;
  /** In the order in which they begin; empty: there is nothing to do. */
  readonly runs: readonly PlannedRun[];
  readonly reads: {
    readonly objects: number;
    readonly sizeBytes: number;
    /** The first of them. */
    readonly first: readonly PlannedObject[];
  };
  readonly coverage: Pick<Coverage, 'atMs' | 'epoch'> | undefined;
  readonly listings: readonly ListingState[];
  /** Why its runs could not be made as things are. */
  readonly blocked: { readonly code: string; readonly message: string; readonly remedy: string } | undefined;
  /** What else a person should know, a sentence each. */
  readonly notes: readonly string[];
}
