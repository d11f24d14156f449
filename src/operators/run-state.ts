import type { Clock } from '../core/clock.ts';
import type { Failpoints } from '../core/failpoints.ts';
import { grouped } from '../core/grouped.ts';
import type { ProgressListener } from '../core/progress.ts';
import type { ScanThreads } from '../ingest/scan/threads.ts';
import type { CheckResult } from '../ledger/checks.ts';
import type { ResolvedPipeline } from '../pipeline/define.ts';
import type { Definition } from '../pipeline/definition.ts';
import type { Interval } from '../pipeline/interval.ts';
import type { SegmentReader } from '../segments/store.ts';
import type { Source } from '../sources/source.ts';
import type { StarContext } from '../star/context.ts';
import type { Delta } from '../star/delta.ts';
import type { WinnerChange } from '../star/winners.ts';
import type { DuckSession } from '../warehouse/duckdb/session.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import type { LookListener } from './source-look.ts';

/** What a run is asked to do. */
export interface RunOptions {
  readonly pipeline: ResolvedPipeline;
  readonly warehouse: Warehouse;
  readonly openSource: (root: string) => Promise<Source>;
  /** Reads a jsonpaths file. @default local files */
  readonly readText?: (url: string) => Promise<string>;
  /** @default all time */
  readonly interval?: Interval;
  /** Recompute the star from nothing over what is published, under today's definition. */
  readonly rebuild?: boolean;
  /** With `rebuild`: read the objects again first. */
  readonly fromSources?: boolean;
  /** Retract objects that are gone from their listed root. */
  readonly prune?: boolean;
  /** … even if the listing lost more than a tenth of them. */
  readonly pruneAll?: boolean;
  /** Hash local files again although size and time did not change. */
  readonly verify?: boolean;
  /** Only these tasks and what they wait for; publishes nothing. */
  readonly only?: readonly string[];
  /** Stage and compute, show the deltas, publish nothing. */
  readonly dryRun?: boolean;
  /** Names this run's publish in the ledger: a publish that is there under the same name counts as this run's own. */
  readonly publishKey?: string;
  /** Whether a process that has the pipeline's lock has lost its right to it. @default never */
  readonly isSuperseded?: (holder: { readonly host: string; readonly pid: number }) => Promise<boolean>;
  /** Asked within the publish when all is written, just before it commits; what it throws rolls the publish back. */
  readonly beforeCommit?: () => Promise<void>;
  /** Told what each look at a source showed. */
  readonly onLook?: LookListener;
  readonly clock: Clock;
  readonly failpoints: Failpoints;
  readonly progress: ProgressListener;
  readonly signal: AbortSignal;
  /** Bytes of input that make one segment; see ingest. */
  readonly chunkBytes?: number;
  readonly workers?: number;
}

/** What a run did with the objects of one staging. */
export interface StageOutcome {
  readonly staging: string;
  /** When its source was listed; undefined: it was not. */
  readonly listedAtMs?: number;
  readonly listed: number;
  /** Object versions of this batch that enter V, and those that leave it. */
  readonly incoming: readonly number[];
  readonly outgoing: readonly number[];
  /** Staged versions that were replaced before they were published. */
  readonly abandoned: readonly number[];
  /** Live objects that the listing no longer has. */
  readonly gone: readonly string[];
  /** Of those gone, how many this run retracts; they are among `outgoing`. */
  readonly pruned: number;
  readonly read: number;
  readonly staged: number;
  readonly quarantined: number;
}

/** How a run ended. */
export interface RunReport {
  readonly pipeline: string;
  readonly interval: Interval;
  readonly outcome: 'published' | 'nothing-new' | 'dry-run' | 'partial';
  readonly batchId: number | undefined;
  readonly epoch: number;
  readonly stages: readonly StageOutcome[];
  readonly deltas: readonly Delta[];
  readonly checks: readonly CheckResult[];
  readonly warnings: readonly string[];
  readonly durationMs: number;
}

/** The batch of a run, once its objects are known. */
export interface OpenBatch {
  readonly id: number;
  readonly context: StarContext;
  readonly changes: Map<string, WinnerChange>;
  /** An earlier run began it; the deltas that it finished are there. */
  readonly resumed: boolean;
}

/** What the tasks of one run share. */
export interface RunState {
  readonly options: RunOptions;
  readonly interval: Interval;
  readonly definition: Definition;
  readonly definitionHash: string;
  /** D of the last publish. */
  readonly publishedDefinition: Definition | undefined;
  /** Schema of the star in the warehouse and in the compute engine. */
  readonly schema: string;
  readonly computeSchema: string;
  /** Connection of the compute engine that the whole run uses. */
  readonly session: DuckSession;
  /** What reads the objects of all stagings; ended when the batch begins. */
  readonly threads: ScanThreads;
  /** Tables that were made when the run was opened, because the warehouse and its mirror are compared over them. */
  readonly created: readonly string[];
  readonly stages: Map<string, StageOutcome>;
  readonly deltas: Map<string, Delta>;
  checks: readonly CheckResult[];
  readonly warnings: string[];
  batch: OpenBatch | 'nothing-new' | undefined;
  publishedEpoch: number | undefined;
}

/** The segments, for reading within the run, which tells of those that have to be brought. */
export function segmentsOf({ options }: RunState): SegmentReader {
  const { clock, progress, warehouse } = options;
  const { segments } = warehouse;
  const task = 'segments';
  return {
    directory: segments.directory,
    bring: async (files) => {
      const startedMs = clock.nowMs();
      let brought = 0;
      const onBrought = (done: number, total: number): void => {
        brought = done;
        progress({ type: 'task.progress', task, detail: `from ${segments.shown}`, done, total, unit: 'segments' });
      };
      await segments.bring(files, { signal: options.signal, onBrought });
      const detail = `${grouped(brought)} brought from ${segments.shown}`;
      if (brought > 0) progress({ type: 'task.succeeded', task, durationMs: clock.nowMs() - startedMs, detail });
    },
    readText: (path) => segments.readText(path),
  };
}

export function warn(state: RunState, detail: string): void {
  state.warnings.push(detail);
  state.options.progress({ type: 'warning', detail });
}
