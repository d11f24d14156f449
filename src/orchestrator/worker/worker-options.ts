import type { Clock } from '../../core/clock.ts';
import type { Failpoints } from '../../core/failpoints.ts';
import type { Timers } from '../../core/timers.ts';
import type { RunReport } from '../../operators/run-state.ts';
import type { LookListener } from '../../operators/source-look.ts';
import type { Source } from '../../sources/source.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import type { AttemptLogs } from '../logs/attempt-logs.ts';
import type { TaskQueue } from '../queue/queue.ts';
import type { Store } from '../store/store.ts';
import type { LoadedPipelines } from './definitions.ts';
import type { Registration } from './registry.ts';
import type { RunFacts } from './run-facts.ts';
import type { StrayErrors } from './stray-errors.ts';
import type { WarehouseOpening } from './warehouse-access.ts';

export interface WorkerOptions {
  readonly store: Store;
  readonly queue: TaskQueue;
  readonly registration: Registration;
  readonly pipelines: LoadedPipelines;
  /** Without one, data tasks are left to others. */
  readonly warehouse?: WarehouseOpening;
  readonly openSource: (root: string) => Promise<Source>;
  /** Reads a jsonpaths file. @default local files */
  readonly readText?: (url: string) => Promise<string>;
  readonly logs: AttemptLogs;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Only tasks of this run. @default of all */
  readonly onlyRun?: number;
  /** @default 20_000 */
  readonly leaseMs?: number;
  /** How often it asks for tasks when nobody wakes it. @default 1_000 */
  readonly pollMs?: number;
  /** How long a stop lets attempts go on. @default 30_000 */
  readonly drainMs?: number;
  /** How long an interrupted attempt is waited for. @default 10_000 */
  readonly graceMs?: number;
  /** A held run of which nothing is asked for so long is given back. @default 30_000 */
  readonly holdIdleMs?: number;
  /** Bytes of input that make one segment; see ingest. */
  readonly chunkBytes?: number;
  /** Threads of ingest. */
  readonly ingestThreads?: number;
  readonly strays?: StrayErrors;
  readonly failpoints?: Failpoints;
  /** Told what each look at a source showed. */
  readonly onLook?: LookListener;
  /** After a run's data tasks are done, before its last one counts as ended; for copies of what the ledger says. */
  readonly onReport?: (run: RunFacts, report: RunReport, warehouse: Warehouse) => Promise<void>;
  /** For people: what went wrong beside any task. @default nobody hears it */
  readonly note?: (detail: string) => void;
}

/** `WorkerOptions` with their defaults. */
export interface Limits {
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly drainMs: number;
  readonly graceMs: number;
  readonly holdIdleMs: number;
}

const DEFAULTS: Limits = { leaseMs: 20_000, pollMs: 1_000, drainMs: 30_000, graceMs: 10_000, holdIdleMs: 30_000 };

/** The limits in full. */
export function resolveLimits(options: WorkerOptions): Limits {
  const { leaseMs, pollMs, drainMs, graceMs, holdIdleMs } = DEFAULTS;
  return {
    leaseMs: options.leaseMs ?? leaseMs,
    pollMs: options.pollMs ?? pollMs,
    drainMs: options.drainMs ?? drainMs,
    graceMs: options.graceMs ?? graceMs,
    holdIdleMs: options.holdIdleMs ?? holdIdleMs,
  };
}
