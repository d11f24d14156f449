import type { PipelineGraph } from '../../pipeline/graph.ts';
import type { Interval } from '../../pipeline/interval.ts';
import type { CellRow, RunRow } from '../store/tables.ts';

/**
 * done: what the task is there for is in the star (or, of a function, was done). missing: it is not, and nobody failed at
 * it. failed: the latest try did, or what it did was not published because another task failed. stale: it is there, but made of older objects or under another definition. running: a run
 * is at it, or waits for its turn.
 */
export type CellState = 'done' | 'missing' | 'failed' | 'stale' | 'running';

/** What makes a cell stale. */
export type Cause =
  | {
      readonly kind: 'object';
      readonly staging: string;
      readonly uri: string;
      /** For people. */
      readonly name: string;
      readonly change: 'new' | 'changed';
      /** Other objects that touch the cell too. */
      readonly more: number;
      /** Whether any of them belongs to a period; those that do not are read by every run. */
      readonly dated: boolean;
    }
  | { readonly kind: 'definition' };

/** A task over one interval. */
export interface Cell {
  readonly task: string;
  readonly state: CellState;
  /** Why, as part of a sentence. */
  readonly reason: string;
  readonly cause: Cause | undefined;
  /** The run that is at it, or that the reason speaks of. */
  readonly runId: number | undefined;
}

/** The cells of one interval, in the order of the graph's tasks. */
export interface IntervalCells extends Interval {
  /** The one that speaks for its interval. */
  readonly head: Cell;
  readonly cells: readonly Cell[];
}

/** What the warehouse's ledger said when it was last read. */
export interface Coverage {
  /** C: disjoint, sorted. */
  readonly intervals: readonly Interval[];
  /** Hash of D at the last publish; undefined before the first. */
  readonly definition: string | undefined;
  readonly epoch: number;
  readonly atMs: number;
}

/** A listed object version that is not in V, or an object of V that is not listed any more. */
export interface PendingObject {
  readonly staging: string;
  readonly uri: string;
  readonly name: string;
  readonly change: 'new' | 'changed' | 'gone';
  /** What it touches; undefined: everything. */
  readonly period: Interval | undefined;
  readonly sizeBytes: number;
  /** When this version was first seen. */
  readonly listedAtMs: number;
}

/** The latest outcome of a task over an interval, which need not be one of today's grid. */
export interface Outcome extends Interval {
  readonly task: string;
  readonly state: CellRow['state'];
  readonly runId: number;
  readonly atMs: number;
  readonly reason: string | undefined;
}

/** A run that has not ended and is to change something. */
export interface ActiveRun extends Interval {
  readonly id: number;
  readonly state: Extract<RunRow['state'], 'queued' | 'running' | 'cancelling'>;
  /** Its tasks; undefined: all. */
  readonly tasks: readonly string[] | undefined;
}

/** All that the states of cells follow from. */
export interface CellFacts {
  readonly graph: PipelineGraph;
  /** Undefined: it was never read. */
  readonly coverage: Coverage | undefined;
  readonly pending: readonly PendingObject[];
  readonly outcomes: readonly Outcome[];
  readonly active: readonly ActiveRun[];
  readonly nowMs: number;
}
