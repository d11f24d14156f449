import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sparkify from '../../pipelines/sparkify/index.ts';
import { SparkifyError } from '../../src/core/errors.ts';
import { noFailpoints } from '../../src/core/failpoints.ts';
import { silentProgress } from '../../src/core/progress.ts';
import { type VirtualTime, virtualTime } from '../../src/core/timers.ts';
import { coverageOf } from '../../src/ledger/coverage.ts';
import { knownObjects } from '../../src/ledger/objects.ts';
import { runPipeline } from '../../src/operators/run.ts';
import { cancelBackfill, pauseBackfill, resumeBackfill } from '../../src/orchestrator/backfill/change-backfill.ts';
import { createBackfill } from '../../src/orchestrator/backfill/create-backfill.ts';
import { findBackfill } from '../../src/orchestrator/backfill/read-backfills.ts';
import { makePlan } from '../../src/orchestrator/cells/make-plan.ts';
import type { Plan, PlanRequest } from '../../src/orchestrator/cells/plan.ts';
import type { PlanRange } from '../../src/orchestrator/cells/plan-grid.ts';
import { refreshListings } from '../../src/orchestrator/cells/refresh-listings.ts';
import { cellSentence } from '../../src/orchestrator/cells/why.ts';
import { openAttemptLogs } from '../../src/orchestrator/logs/attempt-logs.ts';
import { type RunningNode, startNode } from '../../src/orchestrator/node/node.ts';
import { createRun } from '../../src/orchestrator/runs/create-run.ts';
import { retryRun } from '../../src/orchestrator/runs/retry-run.ts';
import { openStore } from '../../src/orchestrator/store/open-store.ts';
import type { Store } from '../../src/orchestrator/store/store.ts';
import { type ResolvedPipeline, resolvePipeline } from '../../src/pipeline/define.ts';
import { graphOf } from '../../src/pipeline/graph-of.ts';
import { ALL_TIME, type Interval } from '../../src/pipeline/interval.ts';
import { every } from '../../src/pipeline/schedule.ts';
import type { Task } from '../../src/pipeline/task.ts';
import { contentVersion, openSource, type Source } from '../../src/sources/index.ts';
import { openWarehouse } from '../../src/warehouse/open.ts';
import type { SqlValue } from '../../src/warehouse/session.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import type { Row } from './canonical.ts';
import { kindOf, type PublishRequest } from './model.ts';
import type { Action, OrchestratedHistory } from './orchestrated-plan.ts';
import type { Coverage, LiveObject, Match, TableName } from './reference.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Days around the window of a history's five. */
export const GRID_DAYS = 7;

/** The flagship on a daily schedule, behind a node on virtual time, over files that change. */
export class OrchestratedWorld {
  readonly directory = mkdtempSync(join(tmpdir(), 'sparkify-orchestrated-'));
  readonly time: VirtualTime;
  readonly notes: string[] = [];
  readonly pipeline: ResolvedPipeline;
  readonly #firstMs: number;
  /** Every text that was ever written, by its version. */
  readonly #records = new Map<string, readonly string[]>();
  readonly #lying = new Map<string, string>();
  #trouble = 0;
  #paused: number[] = [];
  #store!: Store;
  #warehouse!: Warehouse;
  #node!: RunningNode;

  /** @param firstMs the grid's first midnight */
  constructor(firstMs: number, match: Match, { startDay, missed }: Pick<OrchestratedHistory, 'startDay' | 'missed'>) {
    this.#firstMs = firstMs;
    this.time = virtualTime(firstMs + startDay * DAY_MS + HOUR_MS);
    const declared = resolvePipeline(sparkify, {
      logData: join(this.directory, 'log_data'),
      songData: join(this.directory, 'song_data'),
      match,
    });
    const schedule = every('1 day', { start: firstMs, end: firstMs + GRID_DAYS * DAY_MS, missed });
    // The sensor looks seldom, so that waiting for half a day is no thousand steps.
    this.pipeline = { ...declared, schedule, tasks: declared.tasks.map(looksSeldom) };
  }

  async open(): Promise<this> {
    for (const folder of ['log_data', 'song_data']) mkdirSync(join(this.directory, folder), { recursive: true });
    this.#store = await openStore(`sqlite:${join(this.directory, 'store.db')}`, { clock: this.time, pollMs: 5 });
    await this.#start();
    return this;
  }

  async #start(): Promise<void> {
    this.#warehouse = await openWarehouse('duckdb:w.db', { cwd: this.directory, threads: 1 });
    const { time } = this;
    this.#node = await startNode({
      role: 'up',
      store: this.#store,
      pipelines: { resolved: [this.pipeline], broken: [] },
      worker: {
        openSource: (root) => this.#openSource(root),
        logs: openAttemptLogs({ directory: join(this.directory, 'logs'), clock: time, later: () => {} }),
        warehouse: { open: async () => lent(this.#warehouse) },
        ingestThreads: 0,
      },
      embeddedWarehouse: true,
      clock: time,
      timers: time,
      monotonicMs: () => time.nowMs(),
      random: () => 0,
      note: (detail) => this.notes.push(detail),
      onFatal: (error) => this.notes.push(String(error)),
    });
  }

  async #stop(): Promise<void> {
    this.#node.stop('now');
    await this.#node.done;
    await this.#warehouse.close();
  }

  #openSource(root: string): Promise<Source> {
    if (this.#trouble > 0) {
      this.#trouble -= 1;
      return Promise.reject(new SparkifyError('SOURCE_UNREACHABLE', { source: root, detail: 'as it was told' }));
    }
    const { time } = this;
    const timing = { nowMs: () => time.nowMs(), random: () => 0, sleep: async () => {} };
    return openSource(root, { cwd: this.directory, timing });
  }

  write(path: string, records: readonly string[], text: string): void {
    const file = join(this.directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    const seconds = this.time.nowMs() / 1000;
    utimesSync(file, seconds, seconds);
    this.time.advance(60_000);
    const version = contentVersion(Buffer.from(text));
    this.#records.set(version, records);
    this.#lying.set(path, version);
  }

  delete(path: string): void {
    rmSync(join(this.directory, path));
    this.#lying.delete(path);
  }

  async act(action: Action, publish: PublishRequest): Promise<void> {
    switch (action.do) {
      case 'day':
        this.time.advance(DAY_MS);
        return this.settle();
      case 'trouble':
        this.#trouble += action.times;
        return;
      case 'backfill':
        return this.#backfill(action);
      case 'refresh':
        return this.#refresh();
      case 'restart':
        await this.#stop();
        return this.#start();
      case 'run':
        await this.run(publish);
        return this.settle();
      case 'resume':
        return this.resume();
      case 'cancel': {
        const id = this.#paused.shift();
        if (id !== undefined) await cancelBackfill(this.#store, this.#node.graphs, id, 'test');
        return this.settle();
      }
      case 'retry': {
        const failed = await this.#store.db
          .selectFrom('runs')
          .select('id')
          .where('state', 'in', ['failed', 'cancelled'])
          .orderBy('id', 'desc')
          .execute();
        const { graphs } = this.#node;
        for (const { id } of failed.slice(0, 2))
          await this.#store
            .write((tx) => retryRun(tx, graphs, id, { by: 'test' }))
            .catch(unlessSaid('RETRY_NOTHING', 'RETRY_BLOCKED'));
        return this.settle();
      }
    }
  }

  async resume(): Promise<void> {
    const id = this.#paused.shift();
    if (id !== undefined) await resumeBackfill(this.#store, id, 'test');
    return this.settle();
  }

  async resumeAll(): Promise<void> {
    this.#trouble = 0;
    while (this.#paused.length > 0) await this.resume();
    const endMs = this.#firstMs + GRID_DAYS * DAY_MS;
    this.time.advance(Math.max(0, endMs + HOUR_MS - this.time.nowMs()));
    await this.settle();
  }

  plan(request: PlanRequest & PlanRange = {}): Promise<Plan> {
    return makePlan(this.#store.db, this.pipeline.name, request, this.time.nowMs());
  }

  /** Does what is not done, until nothing is left; how often it had to. @throws when it does not come to an end */
  async repair(): Promise<void> {
    for (let round = 0; round < 4; round++) {
      await this.#refresh();
      const plan = await this.plan();
      if (plan.runs.length === 0) return;
      await createBackfill(this.#store, plan, { requestedBy: 'test' });
      await this.settle();
    }
    const left = (await this.plan()).cells.filter((c) => c.head.state !== 'done');
    throw new Error(`what is open is never done:\n${left.map((c) => cellSentence(c.head)).join('\n')}`);
  }

  async #backfill(action: Extract<Action, { do: 'backfill' }>): Promise<void> {
    const [from, to] = [Math.min(action.from, action.to), Math.max(action.from, action.to) + 1];
    const { scope, newestFirst, coalesce, pauseAfter } = action;
    const plan = await this.plan({
      fromMs: this.#firstMs + from * DAY_MS,
      toMs: this.#firstMs + to * DAY_MS,
      scope,
      newestFirst,
      ...(coalesce === undefined ? {} : { coalesce }),
    });
    const id = await createBackfill(this.#store, plan, { requestedBy: 'test', maxActive: 1 });
    if (id === undefined) return;
    if (pauseAfter !== undefined) {
      await this.#until(async () => {
        const { counts, row } = await findBackfill(this.#store.db, id);
        return counts.succeeded + counts.failed >= pauseAfter || row.state !== 'running';
      });
      const { row } = await findBackfill(this.#store.db, id);
      if (row.state === 'running') {
        await pauseBackfill(this.#store, id, 'test').catch(unlessSaid('BACKFILL_STATE'));
        this.#paused.push(id);
      }
    }
    return this.settle();
  }

  async #refresh(): Promise<void> {
    this.time.advance(60_000);
    await refreshListings(this.pipeline, {
      store: this.#store,
      warehouse: this.#warehouse,
      openSource: (root) => this.#openSource(root),
      clock: this.time,
    });
  }

  /** A run by hand, as a person asks for it. */
  async run({ interval, prune }: PublishRequest, request: { readonly rebuild?: boolean } = {}): Promise<void> {
    this.time.advance(60_000);
    await this.#store.write((tx) =>
      createRun(tx, {
        graph: graphOf(this.pipeline),
        kind: 'manual',
        interval: interval ?? ALL_TIME,
        request: { params: {}, ...(prune ? { prune: true, pruneAll: true } : {}), ...request },
        priority: 0,
        dueAtMs: tx.nowMs,
        requestedBy: 'test',
      }),
    );
  }

  /** Until nothing is under way but what is paused; time passes where something waits for it. */
  settle(): Promise<void> {
    return this.#until(async () => false);
  }

  async #until(enough: () => Promise<boolean>): Promise<void> {
    for (let quiet = 0; ; ) {
      if (await enough()) return;
      const work = await this.#work();
      if (work === 'none') return;
      if (work === 'now') quiet = 0;
      else if (++quiet > 10) {
        // Nobody took it up for a while: whoever shall waits for the time, of a retry or of the next look.
        const readyMs = await this.#node.queue.nextReadyMs();
        this.time.advance(Math.max(1000, (readyMs ?? 0) - this.time.nowMs()));
        quiet = 0;
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async #work(): Promise<'none' | 'now' | 'later'> {
    const paused = this.#paused;
    const active = await this.#store.db
      .selectFrom('runs')
      .select(['id', 'state', 'backfill_id'])
      .where('state', 'in', ['queued', 'running', 'cancelling'])
      .execute();
    const held = active.filter((r) => r.state === 'queued' && r.backfill_id !== null && paused.includes(r.backfill_id));
    const backfills = await this.#store.db
      .selectFrom('backfills')
      .select('id')
      .where('state', 'in', ['running', 'cancelling'])
      .execute();
    const due = await this.#due();
    if (active.length === held.length && backfills.length === 0 && !due) return 'none';
    const running = await this.#store.db
      .selectFrom('tasks')
      .select('id')
      .where('state', '=', 'running')
      .executeTakeFirst();
    return running === undefined ? 'later' : 'now';
  }

  /** Whether the schedule has a run to make. */
  async #due(): Promise<boolean> {
    const { schedule } = this.pipeline;
    const row = await this.#store.db.selectFrom('pipelines').select('scheduled_to_ms').executeTakeFirst();
    const dayMs = Math.floor((this.time.nowMs() - this.#firstMs) / DAY_MS) * DAY_MS;
    const wantedMs = Math.min(this.#firstMs + dayMs, schedule!.endMs!);
    return wantedMs > this.#firstMs && (row?.scheduled_to_ms ?? 0) < wantedMs;
  }

  /** What the ledger says V and C are, with the contents that were written. */
  async published(): Promise<{ readonly objects: readonly LiveObject[]; readonly coverage: Coverage }> {
    return this.#warehouse.read(async (session) => {
      const objects: LiveObject[] = [];
      for (const { name } of this.pipeline.stagings)
        for (const { uri, version, state } of await knownObjects(session, this.pipeline.name, name)) {
          if (state !== 'live') continue;
          const path = decodeURIComponent(uri.slice(`file://${this.directory}/`.length));
          objects.push({ uri: path, kind: kindOf(path), records: this.#records.get(version)! });
        }
      const coverage = await coverageOf(session, this.pipeline.name);
      return { objects, coverage: coverage.map((i: Interval) => [i.startMs, i.endMs] as const) };
    });
  }

  /** Files that lie there in another version than the one that is published. */
  async unpublished(): Promise<readonly string[]> {
    const { objects } = await this.published();
    const live = new Map(objects.map((o) => [o.uri, o.records]));
    return [...this.#lying].flatMap(([path, version]) => (live.get(path) === this.#records.get(version) ? [] : [path]));
  }

  async rows(name: TableName): Promise<readonly Row[]> {
    const columns = this.pipeline.tables.find((t) => t.name === name)!.columns.map((c) => `"${c.name}"`);
    return this.#warehouse.read(async (session) => {
      const rows: Row[] = [];
      for await (const batch of session.stream(`select ${columns.join(', ')} from main."${name}"`))
        rows.push(...batch.rows.map((r) => r.map(plain)));
      return rows;
    });
  }

  /** f from nothing over the same V, C and D. */
  async rebuild(): Promise<void> {
    await runPipeline({
      pipeline: this.pipeline,
      warehouse: this.#warehouse,
      openSource: (root) => this.#openSource(root),
      clock: this.time,
      failpoints: noFailpoints,
      progress: silentProgress,
      signal: new AbortController().signal,
      workers: 0,
      rebuild: true,
    });
  }

  async close(): Promise<void> {
    await this.#stop();
    await this.#store.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function looksSeldom(task: Task): Task {
  const { operator } = task;
  if (operator.kind !== 'wait-for-objects') return task;
  return { ...task, operator: { ...operator, timing: { ...operator.timing, everyMs: 6 * HOUR_MS } } };
}

/** For a node, which closes what it opened. */
function lent(warehouse: Warehouse): Warehouse {
  return new Proxy(warehouse, {
    get: (own, name) => {
      if (name === 'close') return async () => {};
      const value: unknown = Reflect.get(own, name, own);
      return typeof value === 'function' ? value.bind(own) : value;
    },
  });
}

function unlessSaid(...codes: readonly string[]): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof SparkifyError) || !codes.includes(error.code)) throw error;
  };
}

function plain(value: SqlValue): Row[number] {
  return (value instanceof Date ? value.getTime() : value) as Row[number];
}
