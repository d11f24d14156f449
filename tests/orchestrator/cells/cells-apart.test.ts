import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ActiveRun, Outcome, PendingObject } from '../../../src/orchestrator/cells/cell.ts';
import { cellStates } from '../../../src/orchestrator/cells/cell-states.ts';
import { normalize } from '../../../src/pipeline/interval.ts';
import { covered, dataGraph, days, facts, grid, HOUR_MS, mixedGraph, nowMs, outcome, pendingObject } from './facts.ts';

const DAYS = 4;

/** Most are whole days; some end within one. */
const span = fc
  .tuple(fc.nat(DAYS - 1), fc.constantFrom(1, 1, 1, DAYS), fc.constantFrom(0, 0, 0, 0, 7))
  .map(([from, length, hours]) => ({
    startMs: days(from).startMs,
    endMs: days(from + length).startMs - hours * HOUR_MS,
  }));

// Few values of each kind: days are to be alike but for one thing.
const minutesAgo = fc.constantFrom(1, 2, 3).map((minutes) => nowMs - minutes * 60_000);

const tried = fc
  .tuple(
    fc.constantFrom('fetch', 'load', 'load', 'export', 'of-an-older-version'),
    fc.constantFrom('succeeded', 'failed', 'failed', 'skipped', 'cancelled'),
    span,
    fc.record({
      runId: fc.constantFrom(1, 2),
      atMs: minutesAgo,
      reason: fc.constantFrom(undefined, undefined, 'disk full'),
    }),
  )
  .map(([task, state, at, more]): Outcome => outcome(task, state as Outcome['state'], at, more));

const listed = fc
  .record({
    name: fc.constantFrom('a.json', 'b.json'),
    change: fc.constantFrom('new', 'changed', 'gone'),
    period: fc.option(span, { nil: undefined, freq: 2 }),
    listedAtMs: minutesAgo,
  })
  .map((more): PendingObject => pendingObject(more as Partial<PendingObject>));

const underWay = fc
  .tuple(fc.constantFrom(1, 2), fc.constantFrom('queued', 'running'), span, fc.constantFrom(undefined, ['load']))
  .map(([id, state, at, tasks]): ActiveRun => ({ id, state: state as ActiveRun['state'], tasks, ...at }));

const world = fc.record({
  graph: fc.constantFrom(dataGraph(), mixedGraph()),
  coverage: fc.option(
    fc
      .tuple(
        fc.oneof(fc.constant([days(0, DAYS)]), fc.array(span, { maxLength: 3 })),
        fc.constantFrom('s1', 's1', 's0'),
      )
      .map(([spans, definition]) => ({
        ...covered(...normalize(spans)),
        definition,
      })),
    { nil: undefined, freq: 8 },
  ),
  outcomes: fc.array(tried, { maxLength: 8 }),
  pending: fc.array(listed, { maxLength: 2 }),
  active: fc.oneof(fc.constant([]), fc.array(underWay, { maxLength: 1 })),
});

test('the cells of an interval are those it has alone, whatever lies beside it', () => {
  fc.assert(
    fc.property(world, (of) => {
      const all = facts(of);
      const together = cellStates(grid(DAYS), all);
      expect(together).toEqual(grid(DAYS).map((day) => cellStates([day], all)[0]));
    }),
    { numRuns: 4000 },
  );
});

test('of two days the one whose try failed before an object came is stale, the other failed at it', () => {
  const tries = [days(0), days(1)].map((day, i) =>
    outcome('load', 'failed', day, { atMs: nowMs - 120_000 + i * 60_000 }),
  );
  const pending = [pendingObject({ period: undefined, listedAtMs: nowMs - 90_000 })];
  const cells = cellStates(
    grid(2),
    facts({ graph: dataGraph(), coverage: covered(days(0, 2)), outcomes: tries, pending }),
  );
  expect(cells.map((day) => day.head.state)).toEqual(['stale', 'failed']);
});
