import type { RunReport, StageOutcome } from '../../operators/run-state.ts';

/** A run's report as the store keeps it: numbers instead of the objects' ids. */
export interface RunSummary extends Omit<RunReport, 'stages'> {
  readonly stages: readonly StageSummary[];
}

export interface StageSummary extends Omit<StageOutcome, 'incoming' | 'outgoing' | 'abandoned' | 'gone' | 'pruned'> {
  readonly incoming: number;
  readonly outgoing: number;
  readonly abandoned: number;
  readonly gone: number;
  /** Missing in what an earlier version stored. */
  readonly pruned?: number;
  /** The first of those that are gone, for people. */
  readonly goneNames: readonly string[];
}

/** Names and warnings that are kept of many. */
const MOST_NAMED = 20;

export function summarise(report: RunReport): RunSummary {
  return {
    ...report,
    warnings: report.warnings.slice(0, MOST_NAMED),
    stages: report.stages.map((s) => ({
      ...s,
      incoming: s.incoming.length,
      outgoing: s.outgoing.length,
      abandoned: s.abandoned.length,
      gone: s.gone.length,
      goneNames: s.gone.slice(0, MOST_NAMED),
    })),
  };
}
