import type { Clock } from '../../core/clock.ts';
import { errorText, SparkifyError } from '../../core/errors.ts';
import { type Failpoints, noFailpoints } from '../../core/failpoints.ts';
import type { Timers } from '../../core/timers.ts';
import type { RunReport } from '../../operators/run-state.ts';
import type { LookListener } from '../../operators/source-look.ts';
import type { Source } from '../../sources/source.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import type { AttemptLogs } from '../logs/attempt-logs.ts';
import type { Claim, ClaimedTask, Completion, TaskQueue } from '../queue/queue.ts';
import type { Store } from '../store/store.ts';
import { type Attempt, type AttemptHost, beginAttempt } from './attempt.ts';
import { Definitions, type LoadedPipelines } from './definitions.ts';
import { HeldRuns } from './held-runs.ts';
import { isOtherWorker, type Registration, registerWorker } from './registry.ts';
import { KnownRuns, type RunFacts } from './run-facts.ts';
import { summarise } from './run-summary.ts';
import { type StrayErrors, uncaught } from './stray-errors.ts';
import { WarehouseAccess, type WarehouseOpening } from './warehouse-access.ts';

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

export interface Worker {
  readonly id: string;
  /** From now on these definitions. */
  replacePipelines(loaded: LoadedPipelines): void;
  /**
   * Claims nothing more. `drain` lets attempts go on for a while, `now` interrupts them; what is then not done is given
   * back unharmed. A second call can only hurry the first.
   */
  stop(how: 'drain' | 'now'): void;
  /**
   * Does `work` with the warehouse that its runs use, opened when it must be; waits while another process has its file.
   * @throws WAREHOUSE_*; WAREHOUSE_BUSY when the data of this store is another worker's
   */
  withWarehouse<T>(work: (warehouse: Warehouse) => Promise<T>, signal: AbortSignal): Promise<T>;
  /** When it has stopped. Never rejects. */
  readonly done: Promise<void>;
}

interface Limits {
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly drainMs: number;
  readonly graceMs: number;
  readonly holdIdleMs: number;
}

const DEFAULTS: Limits = { leaseMs: 20_000, pollMs: 1_000, drainMs: 30_000, graceMs: 10_000, holdIdleMs: 30_000 };

function resolveLimits(options: WorkerOptions): Limits {
  const { leaseMs, pollMs, drainMs, graceMs, holdIdleMs } = DEFAULTS;
  return {
    leaseMs: options.leaseMs ?? leaseMs,
    pollMs: options.pollMs ?? pollMs,
    drainMs: options.drainMs ?? drainMs,
    graceMs: options.graceMs ?? graceMs,
    holdIdleMs: options.holdIdleMs ?? holdIdleMs,
  };
}

/** After an error of the store, the next try; doubled up to the poll. */
const TROUBLE_MS = 50;

/** Registers a worker and lets it carry out tasks until it is stopped. @throws NODE_RUNNING, STORE_* */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const registered = await registerWorker(options.store, options.registration);
  const { warehouse, ...withoutData } = options;
  const { dataWith } = registered;
  if (dataWith !== undefined)
    options.note?.(`the embedded warehouse belongs to one process: tasks on its data are left to ${dataWith}`);
  const usable = dataWith !== undefined || warehouse === undefined ? withoutData : { ...withoutData, warehouse };
  const loop = new WorkerLoop({ ...usable, ...resolveLimits(options) }, registered.id);
  loop.start();
  return {
    id: registered.id,
    done: loop.done.then(() => registered.leave().catch(() => undefined)),
    replacePipelines: (loaded) => loop.definitions.replace(loaded),
    stop: (how) => loop.stop(how),
    withWarehouse: (work, signal) => loop.withWarehouse(work, signal),
  };
}

/**
 *     working ──stop('drain')──▶ draining ──nothing runs, or too long──▶ stopping ──▶ done
 *        └────────stop('now')───────────────────────────────────────────▲
 *
 * Everything it does with the queue happens in rounds that follow one another: tell what has ended, give back runs, claim.
 * A round that told or claimed something leads to the next.
 */
class WorkerLoop {
  readonly definitions: Definitions;
  readonly done: Promise<void>;
  readonly #options: WorkerOptions & Limits;
  readonly #id: string;
  readonly #running = new Map<number, Attempt>();
  readonly #runs: KnownRuns;
  readonly #held: HeldRuns | undefined;
  readonly #access: WarehouseAccess | undefined;
  readonly #host: AttemptHost;
  #phase: 'working' | 'draining' | 'stopping' = 'working';
  #completions: Completion[] = [];
  #currentVersions: ReadonlyMap<string, string> = new Map();
  #inRound = false;
  #wanted = false;
  #scheduled = false;
  #lookForCancelled = false;
  #missedRenewals = 0;
  #troubleMs = TROUBLE_MS;
  #finished = false;
  readonly #cancels = new Map<'poll' | 'renew' | 'drain' | 'wake', () => void>();
  #endChanges: () => void = () => {};
  #resolveDone: () => void = () => {};

  constructor(options: WorkerOptions & Limits, id: string) {
    this.#options = options;
    this.#id = id;
    this.definitions = new Definitions(options.pipelines);
    this.#runs = new KnownRuns(options.store.db);
    const failpoints = options.failpoints ?? noFailpoints;
    const { warehouse, clock, timers, openSource, readText, chunkBytes, ingestThreads, onLook } = options;
    if (warehouse !== undefined) {
      this.#access = new WarehouseAccess(warehouse, timers);
      this.#held = new HeldRuns({
        db: options.store.db,
        access: this.#access,
        clock,
        failpoints,
        openSource,
        // Whoever holds a run in the store has every right to it: another worker's process is one that has lost it.
        isSuperseded: (holder) => isOtherWorker(options.store, options.registration.identity, holder),
        ...(readText === undefined ? {} : { readText }),
        ...(chunkBytes === undefined ? {} : { chunkBytes }),
        ...(ingestThreads === undefined ? {} : { threads: ingestThreads }),
        ...(onLook === undefined ? {} : { onLook }),
        onReport: (run, report, opened) => this.#keepReport(run, report, opened),
      });
    }
    this.#host = {
      db: options.store.db,
      definitions: this.definitions,
      currentVersion: (pipeline) => this.#currentVersions.get(pipeline),
      held: this.#held,
      openSource,
      onLook,
      logs: options.logs,
      clock,
      timers,
      strays: options.strays ?? uncaught,
      requireClaim: (claim) => this.#requireClaim(claim),
      graceMs: options.graceMs,
      note: (detail) => options.note?.(detail),
    };
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve;
    });
  }

  start(): void {
    this.#endChanges = this.#options.store.onChange(() => {
      this.#lookForCancelled = true;
      this.#wake();
    });
    this.#later('renew', this.#options.leaseMs / 3, () => void this.#renew());
    this.#wake();
  }

  stop(how: 'drain' | 'now'): void {
    if (this.#phase === 'stopping') return;
    if (how === 'drain' && this.#phase === 'working') {
      this.#phase = 'draining';
      this.#later('drain', this.#options.drainMs, () => this.stop('now'));
    } else if (how === 'now') {
      this.#phase = 'stopping';
      for (const attempt of this.#running.values()) attempt.interrupt('stopping');
    }
    this.#wake();
  }

  async withWarehouse<T>(work: (warehouse: Warehouse) => Promise<T>, signal: AbortSignal): Promise<T> {
    const access = this.#access;
    if (access === undefined)
      throw new SparkifyError('WAREHOUSE_BUSY', { path: 'of this store', holder: 'another worker' });
    const warehouse = await access.acquire({ signal, onWait: (reason) => this.#options.note?.(reason) });
    try {
      return await work(warehouse);
    } finally {
      access.release();
    }
  }

  /** Has a round begin once everything that is ready now has had its turn, so that ends of one moment are told together. */
  #wake(): void {
    if (this.#finished) return;
    if (this.#inRound) {
      this.#wanted = true;
      return;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#rounds();
    });
  }

  async #rounds(): Promise<void> {
    if (this.#inRound || this.#finished) return;
    this.#inRound = true;
    try {
      do {
        this.#wanted = false;
        await this.#round();
        if (this.#wanted) await nextTurn();
      } while (this.#wanted);
      this.#troubleMs = TROUBLE_MS;
      this.#inRound = false;
      if (this.#mayFinish()) await this.#finish();
      else await this.#sleep();
    } catch (error) {
      this.#inRound = false;
      this.#options.note?.(`worker ${this.#id}: ${errorText(error)}`);
      // Going down, it cannot wait for a store to come back: its leases run out by themselves.
      if (this.#phase === 'stopping') this.#running.clear();
      if (this.#mayFinish()) await this.#finish();
      else {
        this.#later('poll', this.#troubleMs, () => this.#wake());
        this.#troubleMs = Math.min(this.#troubleMs * 2, this.#options.pollMs);
      }
    }
  }

  async #round(): Promise<void> {
    const claimed = await this.#tellAndClaim();
    if (this.#held !== undefined) await this.#giveBack(this.#held);
    if (claimed.length > 0) await this.#begin(claimed);
    if (this.#lookForCancelled) await this.#interruptCancelled();
  }

  /** What has ended and what is begun in its place are one commit. */
  async #tellAndClaim(): Promise<readonly ClaimedTask[]> {
    const { queue, registration, leaseMs, onlyRun } = this.#options;
    const told = this.#completions;
    const ended = new Set(told.map((c) => c.claim.taskId));
    const limit = this.#phase === 'working' ? registration.slots - this.#usedSlots(ended) : 0;
    if (limit <= 0 && told.length === 0) return [];
    const request = {
      worker: this.#id,
      queues: registration.queues,
      limit,
      warehouse: this.#held !== undefined,
      leaseMs,
      ...(onlyRun === undefined ? {} : { onlyRun }),
    };
    this.#completions = [];
    let claimed: readonly ClaimedTask[] = [];
    try {
      if (limit <= 0) await queue.complete(told);
      else if (told.length === 0) claimed = await queue.claim(request);
      else ({ claimed } = await queue.completeAndClaim(told, request));
    } catch (error) {
      this.#completions = [...told, ...this.#completions];
      throw error;
    }
    for (const { claim } of told)
      if (this.#running.get(claim.taskId)?.claim.attempt === claim.attempt) this.#running.delete(claim.taskId);
    return claimed;
  }

  async #begin(claimed: readonly ClaimedTask[]): Promise<void> {
    let facts: ReadonlyMap<number, RunFacts>;
    try {
      facts = await this.#runs.of(claimed.map((c) => c.row.run_id));
      await this.#readVersions(facts.values());
    } catch (error) {
      for (const { taskId, worker, attempt } of claimed)
        this.#completions.push({
          state: 'released',
          claim: { taskId, worker, attempt },
          reason: 'the store did not answer',
        });
      throw error;
    }
    for (const task of claimed) {
      const attempt = beginAttempt(task, facts.get(task.row.run_id), this.#host);
      this.#running.set(task.taskId, attempt);
      void attempt.ended.then((completion) => {
        if (completion === undefined) this.#forget(attempt);
        else this.#completions.push(completion);
        this.#wake();
      });
      if (this.#phase === 'stopping') attempt.interrupt('stopping');
    }
  }

  /** Data tasks of one run follow one another: together they take one slot. */
  #usedSlots(ended: ReadonlySet<number> = new Set()): number {
    let used = 0;
    const held = new Set<number>();
    for (const attempt of this.#running.values()) {
      if (ended.has(attempt.claim.taskId)) continue;
      if (attempt.data) held.add(attempt.runId);
      else used++;
    }
    return used + held.size;
  }

  /** A lost attempt has nothing to tell; the same task may have been claimed anew meanwhile. */
  #forget(attempt: Attempt): void {
    if (this.#running.get(attempt.claim.taskId) === attempt) this.#running.delete(attempt.claim.taskId);
  }

  /** Runs that nothing is under way of are closed when they have ended, and others may have those that are closed. */
  async #giveBack(held: HeldRuns): Promise<void> {
    const { store, queue } = this.#options;
    const busy = new Set([...this.#running.values()].filter((a) => a.data).map((a) => a.runId));
    const idle = held.ids().filter((id) => !busy.has(id));
    if (idle.length > 0) {
      const open = await store.db
        .selectFrom('tasks')
        .select('run_id')
        .distinct()
        .where('run_id', 'in', idle)
        .where('data', '=', 1)
        .where('state', 'in', ['waiting', 'ready', 'running', 'expanded'])
        .execute();
      const unfinished = new Set(open.map((r) => r.run_id));
      const facts = await this.#runs.of(idle);
      for (const run of facts.values()) if (!unfinished.has(run.id)) await held.letGo(run, true);
    }
    for (const id of held.takeClosed(busy)) await queue.releaseRun(this.#id, id);
  }

  async #interruptCancelled(): Promise<void> {
    this.#lookForCancelled = false;
    const running = [...this.#running.values()];
    if (running.length === 0) return;
    const ids = [...new Set(running.map((a) => a.runId))];
    const rows = await this.#options.store.db
      .selectFrom('runs')
      .select('id')
      .where('id', 'in', ids)
      .where('state', 'in', ['cancelling', 'cancelled'])
      .execute();
    const cancelled = new Set(rows.map((r) => r.id));
    for (const attempt of running) if (cancelled.has(attempt.runId)) attempt.interrupt('cancelled');
  }

  /** Which definitions are in force; asked only when a run began with another one than was known. */
  async #readVersions(runs: Iterable<RunFacts>): Promise<void> {
    for (const run of runs) {
      if (this.#currentVersions.get(run.pipeline) === run.semanticVersion) continue;
      const rows = await this.#options.store.db.selectFrom('pipelines').select(['name', 'semantic_version']).execute();
      this.#currentVersions = new Map(rows.map((r) => [r.name, r.semantic_version]));
      return;
    }
  }

  async #renew(): Promise<void> {
    const { queue, leaseMs, store } = this.#options;
    try {
      const attempts = [...this.#running.values()];
      const { lost, cancelled } = await queue.renew(
        attempts.map((a) => a.claim),
        leaseMs,
      );
      const byTask = new Map(attempts.map((a) => [a.claim.taskId, a]));
      // One that has ended is told in the next round, and refused if it must be.
      for (const { taskId } of lost) byTask.get(taskId)?.interrupt('lost');
      for (const { taskId } of cancelled) byTask.get(taskId)?.interrupt('cancelled');
      await this.#renewHolds();
      await store.write((tx) => tx.run('update workers set heartbeat_at_ms = $1 where id = $2', [tx.nowMs, this.#id]));
      this.#missedRenewals = 0;
    } catch (error) {
      this.#options.note?.(`worker ${this.#id}: leases were not renewed: ${errorText(error)}`);
      // The leases have run out by now, whether or not anybody could see it.
      if (++this.#missedRenewals >= 3) for (const attempt of this.#running.values()) attempt.interrupt('lost');
    }
    if (!this.#finished) this.#later('renew', leaseMs / 3, () => void this.#renew());
  }

  async #renewHolds(): Promise<void> {
    const { queue, leaseMs, holdIdleMs } = this.#options;
    const held = this.#held;
    if (held === undefined) return;
    const busy = new Set([...this.#running.values()].filter((a) => a.data).map((a) => a.runId));
    const ids = held.ids();
    const lost = ids.length === 0 ? [] : await queue.renewHolds(this.#id, ids, leaseMs);
    const facts = await this.#runs.of(ids);
    // What is under way of a lost one meets its own lost lease.
    const given = new Set([...lost, ...(await held.idle(holdIdleMs))]);
    for (const run of facts.values()) if (given.has(run.id) && !busy.has(run.id)) await held.letGo(run, false);
    this.#wake();
  }

  /** The last look before a publish commits: an attempt that is another one's by now must not publish. */
  async #requireClaim(claim: Claim): Promise<void> {
    const { queue, leaseMs } = this.#options;
    let lost: readonly Claim[];
    try {
      ({ lost } = await queue.renew([claim], leaseMs));
    } catch (error) {
      // Without an answer the lease holds for as long as it was last given; the ledger's epoch stands behind it.
      if (this.#missedRenewals < 2) return;
      throw error;
    }
    if (lost.length > 0)
      throw new SparkifyError('TASK_INTERRUPTED', {
        task: `${claim.taskId}`,
        why: 'its worker was silent for too long, so that it is another one’s; nothing was published',
      });
  }

  async #keepReport(run: RunFacts, report: RunReport, warehouse: Warehouse): Promise<void> {
    const { store, onReport, note } = this.#options;
    const json = JSON.stringify(summarise(report));
    await store.write((tx) => tx.run('update runs set report_json = $1 where id = $2', [json, run.id]));
    await onReport?.(run, report, warehouse).catch((error: unknown) =>
      note?.(`${run.pipeline}: what the ledger says was not copied: ${errorText(error)}`),
    );
  }

  /** Until somebody wakes it, a task becomes ready, or the poll. */
  async #sleep(): Promise<void> {
    const { queue, clock, pollMs } = this.#options;
    this.#later('poll', pollMs, () => this.#wake());
    if (this.#phase !== 'working' || this.#usedSlots() >= this.#options.registration.slots) return;
    const readyMs = await queue.nextReadyMs();
    if (readyMs === undefined || this.#finished) return;
    const inMs = readyMs - clock.nowMs();
    if (inMs < pollMs) this.#later('wake', Math.max(1, inMs), () => this.#wake());
  }

  #mayFinish(): boolean {
    if (this.#phase === 'working' || this.#running.size > 0) return false;
    this.#phase = 'stopping';
    return true;
  }

  async #finish(): Promise<void> {
    if (this.#finished) return;
    this.#finished = true;
    for (const cancel of this.#cancels.values()) cancel();
    this.#endChanges();
    const { queue } = this.#options;
    try {
      await this.#held?.closeAll();
      for (const id of this.#held?.takeClosed(new Set()) ?? []) await queue.releaseRun(this.#id, id);
    } catch (error) {
      // The holds run out by themselves.
      this.#options.note?.(`worker ${this.#id}: ${errorText(error)}`);
    }
    await this.#access?.close().catch((error: unknown) => this.#options.note?.(errorText(error)));
    this.#resolveDone();
  }

  #later(name: 'poll' | 'renew' | 'drain' | 'wake', delayMs: number, work: () => void): void {
    this.#cancels.get(name)?.();
    this.#cancels.set(name, this.#options.timers.later(delayMs, work));
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
