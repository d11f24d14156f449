import { sql } from 'kysely';
import { errorText, SparkifyError } from '../../core/errors.ts';
import { noFailpoints } from '../../core/failpoints.ts';
import type { RunReport } from '../../operators/run-state.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import type { ClaimedTask } from '../queue/queue.ts';
import type { AttemptHost } from './attempt.ts';
import { AttemptsUnderWay } from './attempts-under-way.ts';
import { Definitions } from './definitions.ts';
import { giveBackRuns } from './give-back.ts';
import { HeldRuns } from './held-runs.ts';
import { Leases } from './leases.ts';
import { isOtherWorker } from './registry.ts';
import { KnownRuns, type RunFacts } from './run-facts.ts';
import { summarise } from './run-summary.ts';
import { uncaught } from './stray-errors.ts';
import { WarehouseAccess } from './warehouse-access.ts';
import type { Limits, WorkerOptions } from './worker-options.ts';

/** What becomes ready so soon may be ready already by the store's clock. */
const SKEW_MS = 1_000;
/** Without an end or a claim for so long, it is asked when the next task becomes ready. */
const QUIET_MS = 20;
/** After an error of the store, the next try; doubled up to the poll. */
const TROUBLE_MS = 50;

/**
 *     working ──stop('drain')──▶ draining ──nothing runs, or too long──▶ stopping ──▶ done
 *        └────────stop('now')───────────────────────────────────────────▲
 *
 * Everything it does with the queue happens in rounds that follow one another: tell what has ended, give back runs, claim.
 * A round that told or claimed something leads to the next.
 */
export class WorkerLoop {
  readonly definitions: Definitions;
  readonly done: Promise<void>;
  readonly #options: WorkerOptions & Limits;
  readonly #id: string;
  readonly #underWay = new AttemptsUnderWay(() => this.#wake());
  readonly #runs: KnownRuns;
  readonly #held: HeldRuns | undefined;
  readonly #access: WarehouseAccess | undefined;
  readonly #leases: Leases;
  readonly #host: AttemptHost;
  #phase: 'working' | 'draining' | 'stopping' = 'working';
  #currentVersions: ReadonlyMap<string, string> = new Map();
  #inRound = false;
  #wanted = false;
  #scheduled = false;
  #lookForCancelled = false;
  #troubleMs = TROUBLE_MS;
  #finished = false;
  readonly #cancels = new Map<'poll' | 'quiet' | 'renew' | 'drain' | 'wake', () => void>();
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
    const { store, queue, leaseMs, holdIdleMs } = options;
    this.#leases = new Leases({
      store,
      queue,
      id,
      leaseMs,
      holdIdleMs,
      underWay: this.#underWay,
      held: this.#held,
      runs: this.#runs,
      note: (detail) => this.#note(detail),
    });
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
      requireClaim: (claim, task) => this.#leases.require(claim, task),
      graceMs: options.graceMs,
      note: (detail) => this.#note(detail),
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
    this.#renewLater();
    this.#wake();
  }

  stop(how: 'drain' | 'now'): void {
    if (this.#phase === 'stopping') return;
    if (how === 'drain' && this.#phase === 'working') {
      this.#phase = 'draining';
      this.#later('drain', this.#options.drainMs, () => this.stop('now'));
    } else if (how === 'now') {
      this.#phase = 'stopping';
      this.#underWay.interruptAll('stopping');
    }
    this.#wake();
  }

  async withWarehouse<T>(work: (warehouse: Warehouse) => Promise<T>, signal: AbortSignal): Promise<T> {
    const access = this.#access;
    if (access === undefined)
      throw new SparkifyError('WAREHOUSE_BUSY', { path: 'of this store', holder: 'another worker' });
    const warehouse = await access.acquire({ signal, onWait: (reason) => this.#note(reason) });
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
      else this.#sleep();
    } catch (error) {
      this.#inRound = false;
      this.#note(errorText(error));
      // Going down, it cannot wait for a store to come back: its leases run out by themselves.
      if (this.#phase === 'stopping') this.#underWay.abandon();
      if (this.#mayFinish()) await this.#finish();
      else {
        this.#later('poll', this.#troubleMs, () => this.#wake());
        this.#troubleMs = Math.min(this.#troubleMs * 2, this.#options.pollMs);
      }
    }
  }

  async #round(): Promise<void> {
    const { store, queue } = this.#options;
    const held = this.#held;
    const claimed = await this.#tellAndClaim();
    if (held !== undefined) {
      // What has just been claimed is begun below; a run given back before that would lose its claims.
      const next = claimed.filter((c) => c.row.data === 1).map((c) => c.row.run_id);
      const busy = new Set([...this.#underWay.dataRuns(), ...next]);
      await giveBackRuns({ store, queue, held, runs: this.#runs, id: this.#id }, busy);
    }
    if (claimed.length > 0) await this.#begin(claimed);
    if (!this.#lookForCancelled) return;
    this.#lookForCancelled = false;
    await this.#underWay.interruptCancelled(store.db);
  }

  /** What has ended and what is begun in its place are one commit. */
  async #tellAndClaim(): Promise<readonly ClaimedTask[]> {
    const { queue, registration, leaseMs, onlyRun } = this.#options;
    const told = this.#underWay.takeEnded();
    try {
      let limit = this.#phase === 'working' ? registration.slots - this.#underWay.slotsWithout(told) : 0;
      // A change of the store is most often one of our own: a look spares a transaction.
      if (told.length === 0 && limit > 0 && !(await this.#isSomethingReady())) limit = 0;
      const request = {
        worker: this.#id,
        queues: registration.queues,
        limit,
        warehouse: this.#held !== undefined,
        leaseMs,
        ...(onlyRun === undefined ? {} : { onlyRun }),
      };
      if (told.length === 0) return limit > 0 ? await queue.claim(request) : [];
      const claimed = limit > 0 ? (await queue.completeAndClaim(told, request)).claimed : [];
      if (limit <= 0) await queue.complete(told);
      this.#underWay.forget(told);
      return claimed;
    } catch (error) {
      this.#underWay.putBack(told);
      throw error;
    }
  }

  async #isSomethingReady(): Promise<boolean> {
    const { store, clock, onlyRun } = this.#options;
    const ofRun = onlyRun === undefined ? sql`` : sql` and run_id = ${onlyRun}`;
    const { rows } = await sql`
      select id from tasks where state = 'ready' and ready_at_ms <= ${clock.nowMs() + SKEW_MS}${ofRun} limit 1`.execute(
      store.db,
    );
    return rows.length > 0;
  }

  async #begin(claimed: readonly ClaimedTask[]): Promise<void> {
    let facts: ReadonlyMap<number, RunFacts>;
    try {
      facts = await this.#runs.of(claimed.map((c) => c.row.run_id));
      await this.#readVersions(facts.values());
    } catch (error) {
      this.#underWay.refuse(claimed, 'the store did not answer');
      throw error;
    }
    for (const task of claimed) {
      const attempt = this.#underWay.begin(task, facts.get(task.row.run_id), this.#host);
      if (this.#phase === 'stopping') attempt.interrupt('stopping');
    }
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

  #renewLater(): void {
    this.#later('renew', this.#options.leaseMs / 3, async () => {
      await this.#leases.renew();
      this.#wake();
      if (!this.#finished) this.#renewLater();
    });
  }

  async #keepReport(run: RunFacts, report: RunReport, warehouse: Warehouse): Promise<void> {
    const { store, onReport } = this.#options;
    const json = JSON.stringify(summarise(report));
    await store.write((tx) => tx.run('update runs set report_json = $1 where id = $2', [json, run.id]));
    await onReport?.(run, report, warehouse).catch((error: unknown) =>
      this.#note(`${run.pipeline}: what the ledger says was not copied: ${errorText(error)}`),
    );
  }

  /** Until somebody wakes it, a task becomes ready, or the poll. */
  #sleep(): void {
    this.#later('poll', this.#options.pollMs, () => this.#wake());
    // Asked when it has become quiet: while tasks end and begin, their rounds find what is ready.
    this.#later('quiet', QUIET_MS, () => void this.#sleepUntilReady());
  }

  async #sleepUntilReady(): Promise<void> {
    const { queue, clock, pollMs, registration } = this.#options;
    if (this.#phase !== 'working' || this.#inRound || this.#underWay.slotsWithout([]) >= registration.slots) return;
    // The poll finds it too.
    const readyMs = await queue.nextReadyMs().catch(() => undefined);
    if (readyMs === undefined || this.#finished) return;
    const inMs = readyMs - clock.nowMs();
    if (inMs < pollMs) this.#later('wake', Math.max(1, inMs), () => this.#wake());
  }

  #mayFinish(): boolean {
    if (this.#phase === 'working' || this.#underWay.size > 0) return false;
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
      this.#note(errorText(error));
    }
    await this.#access?.close().catch((error: unknown) => this.#note(errorText(error)));
    this.#resolveDone();
  }

  #note(detail: string): void {
    this.#options.note?.(detail);
  }

  #later(name: 'poll' | 'quiet' | 'renew' | 'drain' | 'wake', delayMs: number, work: () => unknown): void {
    this.#cancels.get(name)?.();
    this.#cancels.set(
      name,
      this.#options.timers.later(delayMs, () => void work()),
    );
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
