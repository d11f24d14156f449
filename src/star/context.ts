import { literal } from '../core/quoting.ts';
import type { ResolvedPipeline } from '../pipeline/define.ts';
import type { Interval } from '../pipeline/interval.ts';
import type { SegmentReader } from '../segments/store.ts';
import type { SqlSession } from '../warehouse/session.ts';

/**
 * What a batch changes, as the derivation sees it. The old star stands for `coverageOld` and the objects that were live
 * at `epoch`; the new one for `coverageNew` and those objects less the batch's `out` plus its `in`.
 */
export interface StarContext {
  /** Of the compute engine. */
  readonly session: SqlSession;
  readonly segments: SegmentReader;
  readonly pipeline: ResolvedPipeline;
  /** Schema of the star in the compute engine. */
  readonly schema: string;
  /** The publish that the star in the compute engine stands for. */
  readonly epoch: number;
  /** Derive everything from nothing: the old star counts as empty. */
  readonly rebuild: boolean;
  readonly coverageOld: readonly Interval[];
  readonly coverageNew: readonly Interval[];
  /** Tables of the star that are there, as they were found when the batch was opened; unknown: asked for each. */
  readonly tables?: ReadonlySet<string>;
}

/** Condition over `o` (ledger objects): what the old star stands for. */
export function liveAt(context: StarContext): string {
  if (context.rebuild) return 'false';
  return `o.pipeline = ${literal(context.pipeline.name)} and o.published_epoch <= ${context.epoch} and (o.retired_epoch is null or o.retired_epoch > ${context.epoch})`;
}
