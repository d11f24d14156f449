/** What happens around the changes of a history when an orchestrator publishes instead of a hand. */
import fc from 'fast-check';
import { type History, historyArbitrary } from './histories.ts';

export type Action =
  /** A day passes; the schedule makes its run. */
  | { readonly do: 'day' }
  /** So many attempts to open a source fail. */
  | { readonly do: 'trouble'; readonly times: number }
  | {
      readonly do: 'backfill';
      /** Days of the window. */
      readonly from: number;
      readonly to: number;
      readonly scope: 'open' | 'missing' | 'failed' | 'stale' | 'all';
      readonly newestFirst: boolean;
      readonly coalesce: number | undefined;
      /** Paused after so many of its runs; undefined: it goes on. */
      readonly pauseAfter: number | undefined;
    }
  | { readonly do: 'resume' | 'cancel' | 'retry' | 'refresh' | 'restart' | 'run' };

export interface OrchestratedHistory {
  /** How many days of the schedule are over when it begins, and what becomes of them. */
  readonly startDay: number;
  readonly missed: 'all' | 'latest' | 'none';
  readonly history: History;
  /** In place of each publish of the history. */
  readonly actions: readonly (readonly Action[])[];
}

const day = fc.nat(6);

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Action>({ do: 'day' }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('backfill' as const),
      from: day,
      to: day,
      scope: fc.constantFrom('open', 'open', 'missing', 'failed', 'stale', 'all', 'all'),
      newestFirst: fc.boolean(),
      coalesce: fc.constantFrom(undefined, undefined, 1, 3),
      pauseAfter: fc.constantFrom(undefined, undefined, 0, 1),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('trouble' as const), times: fc.constantFrom(1, 3, 12) }) },
  {
    weight: 6,
    arbitrary: fc
      .constantFrom('resume', 'resume', 'cancel', 'retry', 'retry', 'refresh', 'restart', 'run')
      .map((what): Action => ({ do: what }) as Action),
  },
);

/** Histories of a few rounds of changes, with one to three actions after each. */
export function orchestratedArbitrary(rounds: {
  readonly min: number;
  readonly max: number;
}): fc.Arbitrary<OrchestratedHistory> {
  return fc.record({
    startDay: fc.integer({ min: 2, max: 7 }),
    missed: fc.constantFrom('all', 'latest', 'none', 'none'),
    history: historyArbitrary({ minRounds: rounds.min, maxRounds: rounds.max, maxRecords: 6 }),
    actions: fc.array(fc.noBias(fc.array(action, { minLength: 1, maxLength: 3 })), {
      minLength: 2 * rounds.max,
      maxLength: 2 * rounds.max,
    }),
  });
}
