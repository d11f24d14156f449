import type { ClaimedTask, ClaimRequest, Completion, TaskQueue } from '../../src/orchestrator/queue/queue.ts';
import { createTaskQueue } from '../../src/orchestrator/queue/task-queue.ts';
import { createRun, type NewRun } from '../../src/orchestrator/runs/create-run.ts';
import { createRunGraphs, type RunGraphs } from '../../src/orchestrator/runs/run-graph.ts';
import { startRuns } from '../../src/orchestrator/runs/start-runs.ts';
import type { Store, StoreTransaction } from '../../src/orchestrator/store/store.ts';
import type { StoredRun, TaskInstance } from '../../src/orchestrator/store/tables.ts';
import type { PipelineGraph } from '../../src/pipeline/graph.ts';
import type { OpenTestStore, VirtualClock } from './stores.ts';

export const DAY_MS = 86_400_000;

/** How a task ends, without whose claim it is. */
export type Ending = Completion extends infer C ? (C extends Completion ? Omit<C, 'claim'> : never) : never;

export const done: Ending = { state: 'succeeded', detail: 'done' };

export function failing(retryable: boolean, message = 'it failed'): Ending {
  return { state: 'failed', error: { code: 'FUNCTION_FAILED', message, remedy: 'try again', retryable } };
}

/** A store with a queue over it, on virtual time, in the words of tests. */
export interface RunWorld {
  readonly store: Store;
  readonly clock: VirtualClock;
  readonly graphs: RunGraphs;
  readonly queue: TaskQueue;
  anotherStore(): Promise<Store>;
  pool(name: string, slots: number): Promise<void>;
  create(graph: PipelineGraph, more?: Partial<NewRun> & { readonly day?: number }): Promise<number>;
  /** Makes a run and lets it begin. */
  start(graph: PipelineGraph, more?: Partial<NewRun> & { readonly day?: number }): Promise<number>;
  claim(more?: Partial<ClaimRequest>): Promise<readonly ClaimedTask[]>;
  end(claimed: ClaimedTask, ending: Ending): Promise<boolean>;
  /** Claims all that is ready and ends each as told, until nothing is ready; gives the tasks in the order they were claimed. */
  work(ending?: (task: TaskInstance) => Ending): Promise<readonly string[]>;
  write<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T>;
  run(id: number): Promise<StoredRun>;
  /** States of a run's tasks by name; elements as `name[0]`. */
  states(runId: number): Promise<Readonly<Record<string, string>>>;
  task(runId: number, name: string, mapIndex?: number): Promise<TaskInstance>;
  /** Events as `type task`, in their order. */
  events(): Promise<readonly string[]>;
}

export async function openRunWorld(open: OpenTestStore): Promise<RunWorld> {
  const { store, clock, another } = await open();
  const graphs = createRunGraphs();
  const queue = createTaskQueue(store, { random: () => 0, graphs });
  const create: RunWorld['create'] = (graph, { day = 0, ...more } = {}) =>
    store.write((tx) =>
      createRun(tx, {
        graph,
        kind: 'manual',
        interval: { startMs: day * DAY_MS, endMs: (day + 1) * DAY_MS },
        request: { params: {} },
        priority: 10,
        dueAtMs: tx.nowMs,
        requestedBy: 'me',
        ...more,
      }),
    );
  const claim: RunWorld['claim'] = (more) =>
    queue.claim({ worker: 'w1', queues: ['default'], limit: 100, warehouse: true, leaseMs: 30_000, ...more });
  const end: RunWorld['end'] = async ({ taskId, worker, attempt }, ending) =>
    (await queue.complete([{ ...ending, claim: { taskId, worker, attempt } } as Completion])).length === 0;
  const tasksOf = (runId: number): Promise<readonly TaskInstance[]> =>
    store.write((tx) => tx.all<TaskInstance>('select * from tasks where run_id = $1 order by id', [runId]));
  return {
    store,
    clock,
    graphs,
    queue,
    anotherStore: () => another(),
    create,
    claim,
    end,
    pool: async (name, slots) => {
      await store.write((tx) =>
        tx.run('insert into pools (name, slots, from_config) values ($1, $2, 0)', [name, slots]),
      );
    },
    start: async (graph, more) => {
      const id = await create(graph, more);
      await store.write((tx) => startRuns(tx, graphs, [id]));
      return id;
    },
    work: async (ending = () => done) => {
      const order: string[] = [];
      for (let claimed = await claim(); claimed.length > 0; claimed = await claim())
        for (const each of claimed) {
          order.push(label(each.row));
          await end(each, ending(each.row));
        }
      return order;
    },
    write: (work) => store.write(work),
    run: async (id) => await store.db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
    states: async (runId) => Object.fromEntries((await tasksOf(runId)).map((t) => [label(t), t.state])),
    task: async (runId, name, mapIndex = -1) =>
      (await tasksOf(runId)).find((t) => t.task === name && t.map_index === mapIndex)!,
    events: async () => {
      const rows = await store.db.selectFrom('events').select('body_json').orderBy('seq').execute();
      return rows.map((row) => {
        const { type, task } = JSON.parse(row.body_json) as { type: string; task?: string };
        return task === undefined ? type : `${type} ${task}`;
      });
    },
  };
}

function label(task: TaskInstance): string {
  return task.map_index < 0 ? task.task : `${task.task}[${task.map_index}]`;
}
