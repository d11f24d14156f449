import { call, chain, definePipeline, resolvePipeline, z } from 'sparkify';
import { type VirtualTime, virtualTime } from '../../../src/core/timers.ts';
import type { ClaimedTask, TaskQueue } from '../../../src/orchestrator/queue/queue.ts';
import { createTaskQueue } from '../../../src/orchestrator/queue/task-queue.ts';
import { createRun, type NewRun } from '../../../src/orchestrator/runs/create-run.ts';
import { createRunGraphs, type RunGraphs } from '../../../src/orchestrator/runs/run-graph.ts';
import { admitStep } from '../../../src/orchestrator/scheduler/admit-step.ts';
import { type RegisterOptions, registerPipelines } from '../../../src/orchestrator/scheduler/register-pipelines.ts';
import { createScheduleStep, type ScheduleStep } from '../../../src/orchestrator/scheduler/schedule-step.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import type { PipelineRow, StoredRun } from '../../../src/orchestrator/store/tables.ts';
import type { PipelineOptions, ResolvedPipeline } from '../../../src/pipeline/define.ts';
import { graphOf } from '../../../src/pipeline/graph-of.ts';
import type { TaskSet } from '../../../src/pipeline/task.ts';
import { type OpenTestStore, startMs } from '../stores.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
export { startMs };

export function pipelineOf(
  name: string,
  more: Partial<Omit<PipelineOptions<z.ZodObject>, 'name' | 'define'>> = {},
  tasks: TaskSet = chain(
    call('a', () => undefined),
    call('b', () => undefined),
  ),
): ResolvedPipeline {
  return resolvePipeline(
    definePipeline({ name, params: z.object({}), define: () => ({ stagings: [], tables: [], tasks }), ...more }),
    {},
  );
}

/** A store on virtual time, and what schedulers left in it. */
export interface SchedulerWorld {
  readonly store: Store;
  readonly time: VirtualTime;
  readonly graphs: RunGraphs;
  readonly queue: TaskQueue;
  /** The same store, as another process has it. */
  another(): Promise<Store>;
  register(...resolved: readonly ResolvedPipeline[]): Promise<void>;
  registerWith(options: RegisterOptions, ...resolved: readonly ResolvedPipeline[]): Promise<void>;
  scheduleStep(store?: Store): ScheduleStep;
  /** A step of a scheduler that has just been started. */
  schedule(): Promise<number | undefined>;
  admit(store?: Store): Promise<number | undefined>;
  pause(paused: boolean): Promise<void>;
  manual(pipeline: ResolvedPipeline, more?: Partial<NewRun>): Promise<number>;
  /** Carries out what is ready, round after round, until nothing is; how many tasks. */
  work(): Promise<number>;
  claim(worker: string, leaseMs?: number): Promise<readonly ClaimedTask[]>;
  /** In the order of their intervals. */
  runs(kind?: StoredRun['kind']): Promise<readonly StoredRun[]>;
  /** Of scheduled runs, the ends of their intervals in hours since the beginning. */
  hours(pipeline?: string): Promise<readonly number[]>;
  states(kind?: StoredRun['kind']): Promise<readonly string[]>;
  pipeline(name: string): Promise<PipelineRow>;
  events(prefix: string): Promise<readonly Record<string, unknown>[]>;
  /** `type pipeline` of each event about pipelines, forgotten when they have been told. */
  told(): Promise<readonly string[]>;
}

export async function openSchedulerWorld(open: OpenTestStore): Promise<SchedulerWorld> {
  const time = virtualTime(startMs);
  const { store, another } = await open({ clock: time });
  const graphs = createRunGraphs();
  const queue = createTaskQueue(store, { random: () => 0, graphs });
  let toldTo = 0;
  const registerWith = (options: RegisterOptions, ...resolved: readonly ResolvedPipeline[]): Promise<void> =>
    registerPipelines(store, { resolved, broken: [] }, options);
  const scheduleStep = (over = store): ScheduleStep => createScheduleStep(over, createRunGraphs(), time);
  const runs = async (kind?: StoredRun['kind']): Promise<readonly StoredRun[]> => {
    const query = store.db.selectFrom('runs').selectAll().orderBy('start_ms').orderBy('id');
    return (kind === undefined ? query : query.where('kind', '=', kind)).execute();
  };
  const claim: SchedulerWorld['claim'] = (worker, leaseMs = 20_000) =>
    queue.claim({ worker, queues: ['default'], limit: 1000, warehouse: false, leaseMs });
  return {
    store,
    time,
    graphs,
    queue,
    another: () => another(),
    register: (...resolved) => registerWith({}, ...resolved),
    registerWith,
    scheduleStep,
    schedule: () => scheduleStep()(),
    admit: (over = store) => admitStep(over, createRunGraphs()),
    pause: (paused) =>
      store.write(async (tx) => void (await tx.run('update pipelines set paused = $1', [Number(paused)]))),
    manual: (pipeline, more) =>
      store.write((tx) =>
        createRun(tx, {
          graph: graphOf(pipeline),
          kind: 'manual',
          interval: { startMs, endMs: startMs + HOUR_MS },
          request: { params: {} },
          priority: 0,
          dueAtMs: tx.nowMs,
          requestedBy: 'anna',
          ...more,
        }),
      ),
    claim,
    work: async () => {
      for (let total = 0; ; ) {
        const claimed = await claim('w');
        if (claimed.length === 0) return total;
        const refused = await queue.complete(claimed.map((c) => ({ state: 'succeeded', claim: c, detail: '' })));
        if (refused.length > 0) throw new Error('a completion was refused');
        total += claimed.length;
      }
    },
    runs,
    hours: async (pipeline) =>
      (await runs('scheduled'))
        .filter((r) => pipeline === undefined || r.pipeline === pipeline)
        .map((r) => (r.end_ms - startMs) / HOUR_MS),
    states: async (kind) => (await runs(kind)).map((r) => r.state),
    pipeline: (name) => store.db.selectFrom('pipelines').selectAll().where('name', '=', name).executeTakeFirstOrThrow(),
    events: async (prefix) =>
      (
        await store.db
          .selectFrom('events')
          .select('body_json')
          .where('type', 'like', `${prefix}%`)
          .orderBy('seq')
          .execute()
      ).map((r) => JSON.parse(r.body_json) as Record<string, unknown>),
    told: async () => {
      const rows = await store.db
        .selectFrom('events')
        .select(['seq', 'type', 'pipeline'])
        .where('type', 'like', 'pipeline.%')
        .where('seq', '>', toldTo)
        .orderBy('seq')
        .execute();
      toldTo = rows.at(-1)?.seq ?? toldTo;
      return rows.map((r) => `${r.type} ${r.pipeline}`);
    },
  };
}
