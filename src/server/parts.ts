import type { Clock } from '../core/clock.ts';
import type { Timers } from '../core/timers.ts';
import type { RefreshedListing } from '../orchestrator/cells/refresh-listings.ts';
import type { Store } from '../orchestrator/store/store.ts';
import type { LoadedPipelines } from '../orchestrator/worker/definitions.ts';
import type { ResolvedPipeline } from '../pipeline/define.ts';
import type { RandomBytes } from './tokens/token-text.ts';

/** What the API is made over. */
export interface ServerParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: RandomBytes;
  /** Where the logs of attempts lie. */
  readonly logsDirectory: string;
  /** The project's pipelines as this process has loaded them last. */
  readonly pipelines: () => LoadedPipelines;
  /** Lists the sources of a pipeline and keeps in the store what was seen. @throws WAREHOUSE_* */
  readonly refreshListings: (pipeline: ResolvedPipeline, signal: AbortSignal) => Promise<readonly RefreshedListing[]>;
  readonly process: ServerProcess;
}

/** Who answers. */
export interface ServerProcess {
  /** Of the package. */
  readonly version: string;
  /** Name of the project's folder. */
  readonly project: string;
  readonly pid: number;
  readonly startedAtMs: number;
}
