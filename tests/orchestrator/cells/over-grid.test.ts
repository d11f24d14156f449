import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Outcome } from '../../../src/orchestrator/cells/cell.ts';
import { coveredParts, eachOverlap, paint } from '../../../src/orchestrator/cells/over-grid.ts';
import { type Interval, normalize, overlaps } from '../../../src/pipeline/interval.ts';

/** Small whole numbers as instants, so that edges meet. */
const span = fc
  .tuple(fc.nat(30), fc.integer({ min: 1, max: 12 }))
  .map(([startMs, length]): Interval => ({ startMs, endMs: startMs + length }));
const grid = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 3 })), { maxLength: 10 })
  .map((steps) => {
    const intervals: Interval[] = [];
    let at = 0;
    for (const [length, gap] of steps) {
      intervals.push({ startMs: at + gap, endMs: at + gap + length });
      at += gap + length;
    }
    return intervals;
  });

test('overlaps are found as by looking at every interval', () => {
  fc.assert(
    fc.property(grid, span, (intervals, one) => {
      const found: number[] = [];
      eachOverlap(intervals, one, (i) => found.push(i));
      expect(found).toEqual(intervals.flatMap((i, n) => (overlaps(i, one) ? [n] : [])));
    }),
  );
});

test('what is covered is so instant by instant', () => {
  fc.assert(
    fc.property(grid, fc.array(span), (intervals, spans) => {
      const coverage = normalize(spans);
      const inside = (at: number): boolean => coverage.some((c) => c.startMs <= at && at < c.endMs);
      for (const [i, part] of coveredParts(intervals, coverage).entries()) {
        const { startMs, endMs } = intervals[i]!;
        const instants = Array.from({ length: endMs - startMs }, (_, n) => startMs + n);
        const held = (at: number): boolean =>
          typeof part === 'boolean' ? part : part.some((p) => p.startMs <= at && at < p.endMs);
        expect(instants.map(held)).toEqual(instants.map(inside));
        if (typeof part !== 'boolean') expect(instants.every(inside)).toBe(false);
      }
    }),
  );
});

test('of outcomes the newest is seen, instant by instant', () => {
  fc.assert(
    fc.property(grid, fc.array(span), (intervals, spans) => {
      const outcomes = spans.map(
        (s, n): Outcome => ({ ...s, task: 't', state: 'succeeded', runId: n, atMs: n, reason: undefined }),
      );
      const shuffled = outcomes.toSorted((a, b) => ((a.runId * 7) % 5) - ((b.runId * 7) % 5));
      for (const [i, painted] of paint(intervals, shuffled).entries()) {
        const { startMs, endMs } = intervals[i]!;
        const seen = new Set<number>();
        const bare: number[] = [];
        for (let at = startMs; at < endMs; at++) {
          const top = outcomes.findLast((o) => o.startMs <= at && at < o.endMs);
          if (top === undefined) bare.push(at);
          else seen.add(top.runId);
        }
        if (seen.size === 0) {
          expect(painted).toBeUndefined();
          continue;
        }
        expect(painted!.seen.map((o) => o.runId)).toEqual([...seen].sort((a, b) => b - a));
        expect(
          painted!.bare.flatMap((b) => Array.from({ length: b.endMs - b.startMs }, (_, n) => b.startMs + n)),
        ).toEqual(bare);
      }
    }),
  );
});
