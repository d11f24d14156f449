import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type VirtualTime, virtualTime } from '../../../src/core/timers.ts';
import { openAttemptLogs } from '../../../src/orchestrator/logs/attempt-logs.ts';
import type { RunRequest } from '../../../src/orchestrator/model/run-request.ts';
import type { TaskQueue } from '../../../src/orchestrator/queue/queue.ts';
import { createTaskQueue } from '../../../src/orchestrator/queue/task-queue.ts';
import { createRun } from '../../../src/orchestrator/runs/create-run.ts';
import { createRunGraphs } from '../../../src/orchestrator/runs/run-graph.ts';
import { startRuns } from '../../../src/orchestrator/runs/start-runs.ts';
import { openStore } from '../../../src/orchestrator/store/open-store.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import type { StoredRun, TaskInstance } from '../../../src/orchestrator/store/tables.ts';
import { ownIdentity } from '../../../src/orchestrator/worker/process-identity.ts';
import { startWorker, type Worker, type WorkerOptions } from '../../../src/orchestrator/worker/worker.ts';
import type { ResolvedPipeline } from '../../../src/pipeline/define.ts';
import { graphOf } from '../../../src/pipeline/graph-of.ts';
import type { Interval } from '../../../src/pipeline/interval.ts';
import { openSource } from '../../../src/sources/index.ts';

export const day: Interval = { startMs: Date.UTC(2024, 0, 1), endMs: Date.UTC(2024, 0, 2) };

/** A store with workers on virtual time; what is done wakes them, time passes when it is told to. */
export class WorkerWorld {
  readonly directory = mkdtempSync(join(tmpdir(), 'sparkify-worker-'));
  readonly time: VirtualTime = virtualTime(Date.UTC(2026, 0, 1));
  readonly graphs = createRunGraphs();
  readonly notes: string[] = [];
  readonly logs = openAttemptLogs({ directory: join(this.directory, 'logs'), clock: this.time, later: () => {} });
  readonly #workers: Worker[] = [];
  readonly #stores: Store[] = [];
  store!: Store;
  /** Of workers that are started from now on. */
  slots = 4;
  readonly #url: string;

  constructor(url?: string) {
    this.#url = url ?? `sqlite:${join(this.directory, 'store.db')}`;
  }

  async open(): Promise<this> {
    this.store = await this.anotherStore();
    return this;
  }

  async anotherStore(): Promise<Store> {
    const store = await openStore(this.#url, { clock: this.time, pollMs: 5 });
    this.#stores.push(store);
    return store;
  }

  queue(store = this.store): TaskQueue {
    return createTaskQueue(store, { random: () => 0, graphs: this.graphs });
  }

  async worker(pipelines: readonly ResolvedPipeline[], change: Partial<WorkerOptions> = {}): Promise<Worker> {
    const { store = this.store } = change;
    const label = String(this.#workers.length);
    const worker = await startWorker({
      store,
      queue: this.queue(store),
      registration: { kind: 'worker', identity: ownIdentity(), label, queues: ['default'], slots: this.slots },
      pipelines: { resolved: pipelines, broken: [] },
      openSource: (root) => openSource(root, { cwd: this.directory }),
      logs: this.logs,
      clock: this.time,
      timers: this.time,
      note: (detail) => this.notes.push(detail),
      ...change,
    });
    this.#workers.push(worker);
    return worker;
  }

  /** Makes a run and lets it begin; its id. */
  async run(
    pipeline: ResolvedPipeline,
    request: Partial<RunRequest> = {},
    more: { readonly kind?: 'manual' | 'scheduled' | 'backfill'; readonly interval?: Interval } = {},
  ): Promise<number> {
    return this.store.write(async (tx) => {
      const id = await createRun(tx, {
        graph: graphOf(pipeline),
        kind: more.kind ?? 'manual',
        interval: more.interval ?? day,
        request: { params: {}, ...request },
        priority: 0,
        dueAtMs: tx.nowMs,
        requestedBy: 'test',
      });
      await startRuns(tx, this.graphs, [id]);
      return id;
    });
  }

  /** Looks, turn after turn of the process, until there is something. */
  async until<T>(look: () => Promise<T | undefined>): Promise<T> {
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Waits until the run has ended. */
  ended(id: number): Promise<StoredRun> {
    return this.until(async () => {
      const run = await this.runRow(id);
      return ['succeeded', 'failed', 'cancelled'].includes(run.state) ? run : undefined;
    });
  }

  async runRow(id: number): Promise<StoredRun> {
    return this.store.db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  }

  async tasks(id: number): Promise<readonly TaskInstance[]> {
    return this.store.db.selectFrom('tasks').selectAll().where('run_id', '=', id).orderBy('id').execute();
  }

  /** `name state detail` of each task. */
  async told(id: number): Promise<readonly string[]> {
    return (await this.tasks(id)).map(
      (t) =>
        `${t.task}${t.map_index < 0 ? '' : `[${t.map_index}]`} ${t.state}${t.detail === null ? '' : `: ${t.detail}`}`,
    );
  }

  taskRow(id: number, task: string): Promise<TaskInstance> {
    return this.tasks(id).then((tasks) => tasks.find((t) => t.task === task)!);
  }

  async events(type: string): Promise<readonly Record<string, unknown>[]> {
    const rows = await this.store.db
      .selectFrom('events')
      .select('body_json')
      .where('type', '=', type)
      .orderBy('seq')
      .execute();
    return rows.map((r) => JSON.parse(r.body_json) as Record<string, unknown>);
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) worker.stop('now');
    await Promise.all(this.#workers.map((w) => w.done));
    await this.logs.close();
    for (const store of this.#stores) await store.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
