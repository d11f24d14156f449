import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { Failpoints } from '../../core/failpoints.ts';
import { type ProgressListener, silentProgress } from '../../core/progress.ts';
import type { DataTask, TaskOutcome } from '../../operators/data-task.ts';
import { openRun, type RunHandle } from '../../operators/open-run.ts';
import type { RunReport } from '../../operators/run-state.ts';
import type { LookListener } from '../../operators/source-look.ts';
import type { ResolvedPipeline } from '../../pipeline/define.ts';
import type { Source } from '../../sources/source.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import type { StoreReader } from '../store/store.ts';
import type { RunFacts } from './run-facts.ts';
import { dataTasksOf, readyStagings } from './run-tasks.ts';
import type { WarehouseAccess } from './warehouse-access.ts';

/** One attempt at a data task. */
export interface DataAttempt {
  readonly run: RunFacts;
  readonly pipeline: ResolvedPipeline;
  readonly task: DataTask;
  readonly signal: AbortSignal;
  readonly progress: ProgressListener;
  /** Its turn has come: tasks of one run follow one another. */
  readonly onBegin: () => void;
  /** Asked within the publish, just before it commits. @throws when the attempt is not ours any more */
  readonly beforeCommit: () => Promise<void>;
}

export type DataResult =
  | { readonly kind: 'done'; readonly detail: string }
  | { readonly kind: 'skipped'; readonly reason: string };

export interface HeldRunsOptions {
  readonly db: StoreReader;
  readonly access: WarehouseAccess;
  readonly openSource: (root: string) => Promise<Source>;
  readonly readText?: (url: string) => Promise<string>;
  readonly clock: Clock;
  readonly failpoints: Failpoints;
  readonly chunkBytes?: number;
  /** Threads of ingest. @default the cores */
  readonly threads?: number;
  /** Whether a process that has the pipeline's lock is a worker that has lost the run to this one. */
  readonly isSuperseded: (holder: { readonly host: string; readonly pid: number }) => Promise<boolean>;
  /** Told what each look at a source showed. */
  readonly onLook?: LookListener;
  /** The last data task of a run is done, and what it did is settled. */
  readonly onReport: (run: RunFacts, report: RunReport, warehouse: Warehouse) => Promise<void>;
}

interface HeldRun {
  readonly handle: RunHandle;
  readonly warehouse: Warehouse;
  /** What a publish asks before it commits. */
  beforeCommit: () => Promise<void>;
  usedAtMs: number;
  busy: number;
  closed: boolean;
}

/**
 * The runs whose warehouse session, batch and lock this worker holds. A run is opened for its first data task, and closed
 * after its last, after a failure (the next attempt opens it anew, at the cost of going through what had succeeded) or
 * when nothing was done with it for a while.
 */
export class HeldRuns {
  readonly #options: HeldRunsOptions;
  readonly #runs = new Map<number, Promise<HeldRun>>();
  /** Closed here, not yet given back in the store. */
  readonly #closed = new Set<number>();

  constructor(options: HeldRunsOptions) {
    this.#options = options;
  }

  /** Runs that are held now. */
  ids(): readonly number[] {
    return [...this.#runs.keys()];
  }

  /**
   * Runs that were closed here, each given once: others may have them.
   * @param busy runs of which an end is not in the store yet; they are given later
   */
  takeClosed(busy: ReadonlySet<number>): readonly number[] {
    const closed = [...this.#closed].filter((id) => !busy.has(id));
    for (const id of closed) this.#closed.delete(id);
    return closed.filter((id) => !this.#runs.has(id));
  }

  /** Carries out a data task. @throws what the task throws; the signal's reason */
  async runTask(attempt: DataAttempt): Promise<DataResult> {
    const { run, pipeline, task } = attempt;
    if (task.operator.kind === 'publish') {
      const { gap, open } = await dataTasksOf(this.#options.db, run.id, pipeline, task.name);
      if (gap !== undefined) {
        const held = await this.#runs.get(run.id)?.catch(() => undefined);
        if (held !== undefined && isLast(task, open)) await this.#finish(held, run, attempt.progress);
        return { kind: 'skipped', reason: `not published: ${gap}` };
      }
    }
    const shared = this.#runs.get(run.id);
    const opening = shared ?? this.#open(attempt);
    this.#runs.set(run.id, opening);
    let held: HeldRun;
    try {
      held = await opening;
    } catch (error) {
      if (this.#runs.get(run.id) === opening) this.#runs.delete(run.id);
      this.#closed.add(run.id);
      // Another attempt's opening may have been interrupted together with that attempt.
      if (shared !== undefined) return this.runTask(attempt);
      throw error;
    }
    held.busy++;
    try {
      const outcome = await held.handle.runTask(task, {
        progress: attempt.progress,
        signal: attempt.signal,
        ahead: await readyStagings(this.#options.db, run.id, pipeline, task, this.#options.clock.nowMs()),
        onBegin: () => {
          held.beforeCommit = attempt.beforeCommit;
          attempt.onBegin();
        },
      });
      const { open } = await dataTasksOf(this.#options.db, run.id, pipeline, task.name);
      if (isLast(task, open)) await this.#finish(held, run, attempt.progress);
      return { kind: 'done', detail: describe(outcome) };
    } catch (error) {
      if (isFatal(error)) this.#options.access.spoil();
      await held.handle.fail(error);
      await this.#close(run.id, held);
      throw error;
    } finally {
      held.busy--;
      held.usedAtMs = this.#options.clock.nowMs();
    }
  }

  /**
   * A run of which nothing is under way here: it is closed.
   * @param ended all its data tasks have; what it did is settled and told
   */
  async letGo(run: RunFacts, ended: boolean): Promise<void> {
    const held = await this.#runs.get(run.id)?.catch(() => undefined);
    if (held === undefined || held.busy > 0) return;
    // Nobody else lets it go meanwhile.
    held.busy++;
    if (ended) await this.#finish(held, run, silentProgress).catch(() => undefined);
    await this.#close(run.id, held);
  }

  /** Runs of which nothing was asked since `idleMs`. */
  async idle(idleMs: number): Promise<readonly number[]> {
    const sinceMs = this.#options.clock.nowMs() - idleMs;
    const found = await Promise.all(
      [...this.#runs].map(async ([id, opening]) => {
        const held = await opening.catch(() => undefined);
        return held !== undefined && held.busy === 0 && held.usedAtMs <= sinceMs ? [id] : [];
      }),
    );
    return found.flat();
  }

  /** Gives lock, session and batch up; waits for the task under way, which somebody has interrupted. */
  async close(runId: number): Promise<void> {
    const opening = this.#runs.get(runId);
    if (opening === undefined) return;
    const held = await opening.catch(() => undefined);
    if (held !== undefined) await this.#close(runId, held);
  }

  /** A task of it heeds no interrupt: the run is no longer held here, and closed once the task has ended after all. */
  abandon(runId: number): void {
    this.#runs.delete(runId);
    this.#closed.add(runId);
  }

  async #close(runId: number, held: HeldRun): Promise<void> {
    if (held.closed) return;
    held.closed = true;
    const opening = this.#runs.get(runId);
    if (opening !== undefined && (await opening.catch(() => undefined)) === held) this.abandon(runId);
    try {
      await held.handle.close();
    } finally {
      this.#options.access.release();
    }
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.ids().map((id) => this.close(id)));
  }

  async #open(attempt: DataAttempt): Promise<HeldRun> {
    const { db, access, clock, failpoints, openSource, readText, chunkBytes, threads, onLook, isSuperseded } =
      this.#options;
    const { run, pipeline, task, signal, progress } = attempt;
    const note = (detail: string): void => progress({ type: 'note', detail });
    const warehouse = await access.acquire({ signal, onWait: note });
    let held: HeldRun | undefined;
    try {
      const { succeeded, publishes, publishNumber } = await dataTasksOf(db, run.id, pipeline, task.name);
      const { request } = run;
      const handle = await openRun(
        {
          pipeline,
          warehouse,
          openSource,
          interval: run.interval,
          rebuild: request.rebuild === true,
          fromSources: request.fromSources === true,
          prune: request.prune === true,
          pruneAll: request.pruneAll === true,
          verify: request.verify === true,
          dryRun: request.dryRun === true,
          // Without a publish its batch is settled at the end, as that of any selection of tasks.
          ...(publishes ? {} : { only: request.only ?? request.tasks ?? [] }),
          ...(readText === undefined ? {} : { readText }),
          ...(chunkBytes === undefined ? {} : { chunkBytes }),
          ...(threads === undefined ? {} : { workers: threads }),
          ...(onLook === undefined ? {} : { onLook }),
          publishKey: `${run.id} ${run.createdAtMs} ${publishNumber}`,
          beforeCommit: () => held!.beforeCommit(),
          isSuperseded,
          clock,
          failpoints,
          progress,
          signal,
        },
        succeeded,
      );
      held = { handle, warehouse, beforeCommit: attempt.beforeCommit, usedAtMs: clock.nowMs(), busy: 0, closed: false };
      return held;
    } catch (error) {
      access.release();
      throw error;
    }
  }

  async #finish(held: HeldRun, run: RunFacts, progress: ProgressListener): Promise<void> {
    let report: RunReport | undefined;
    try {
      report = await held.handle.finish();
    } catch (error) {
      if (held.handle.state.publishedEpoch === undefined) throw error;
      // What is published stays; small segments are put together by the next run.
      progress({ type: 'warning', detail: `published, but not tidied up: ${errorText(error)}` });
    }
    if (report !== undefined) await this.#options.onReport(run, report, held.warehouse);
    await this.#close(run.id, held);
  }
}

function isLast(task: DataTask, open: readonly string[]): boolean {
  return open.every((name) => name === task.name);
}

/** DuckDB's word for a database that must be opened anew. */
function isFatal(error: unknown): boolean {
  return /database has been invalidated/.test(errorText(error));
}

function describe({ detail, resumed }: TaskOutcome): string {
  return resumed ? `${detail} (done before)` : detail;
}
