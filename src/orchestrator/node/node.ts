import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { Timers } from '../../core/timers.ts';
import { type AlertOptions, startAlerts } from '../alerts/start-alerts.ts';
import { backfillStep } from '../backfill/backfill-step.ts';
import { keepKnowledge } from '../cells/knowledge.ts';
import { removeLogs } from '../logs/remove-logs.ts';
import type { TaskQueue } from '../queue/queue.ts';
import { createTaskQueue } from '../queue/task-queue.ts';
import { createRunGraphs, type RunGraphs } from '../runs/run-graph.ts';
import { admitStep } from '../scheduler/admit-step.ts';
import { deadlineStep } from '../scheduler/deadline-step.ts';
import { recoverStep } from '../scheduler/recover-step.ts';
import { type RegisterOptions, registerPipelines } from '../scheduler/register-pipelines.ts';
import { runSteps, type Step } from '../scheduler/run-steps.ts';
import { createScheduleStep } from '../scheduler/schedule-step.ts';
import { watchClock } from '../scheduler/watch-clock.ts';
import { pruneStore, type RetentionOptions } from '../store/retention/prune-store.ts';
import type { Store } from '../store/store.ts';
import type { LoadedPipelines } from '../worker/definitions.ts';
import { ownIdentity } from '../worker/process-identity.ts';
import { catchStrayErrors } from '../worker/stray-errors.ts';
import { startWorker, type Worker, type WorkerOptions } from '../worker/worker.ts';

/**
 * up: schedules, lets runs begin, carries them out, sends alerts. worker: carries out, and takes up what the dead left.
 * command: carries out one run and goes.
 */
export type NodeRole = 'up' | 'worker' | 'command';

/** How a node carries out tasks. */
export type NodeWorker = Omit<
  WorkerOptions,
  'store' | 'queue' | 'registration' | 'pipelines' | 'clock' | 'timers' | 'strays' | 'note' | 'onlyRun'
>;

export interface NodeOptions extends RegisterOptions {
  readonly role: NodeRole;
  readonly store: Store;
  readonly pipelines: LoadedPipelines;
  readonly worker: NodeWorker;
  /** The run of a command. @default whatever waits */
  readonly onlyRun?: number;
  /** A command carries backfills on too. @default false */
  readonly backfills?: boolean;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicMs: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Attempts at a time. @default 8 */
  readonly slots?: number;
  /** @default ['default'] */
  readonly queues?: readonly string[];
  /** The warehouse is a file of this machine. @default false */
  readonly embeddedWarehouse?: boolean;
  /** The name of the store of segments, when it must be one that all nodes share. @default not looked at */
  readonly segmentsId?: string;
  /** A task whose worker died so often is set aside. @default 3 */
  readonly maxCrashes?: number;
  /** Of `up`. @default none are sent */
  readonly alerts?: Pick<AlertOptions, 'targets' | 'secrets' | 'post'>;
  /** What `up` removes when it is old, and where the logs of removed runs lie. @default nothing */
  readonly retention?: RetentionOptions & { readonly logsDirectory: string };
  /** What else `up` does. */
  readonly steps?: (shared: NodeParts) => readonly Step[];
  /** For people: what went wrong beside any task. */
  readonly note: (detail: string) => void;
  /** An error that nobody caught and that is no task's: the node is being stopped, the process should end. */
  readonly onFatal: (error: unknown) => void;
}

/** What the parts of a node share. */
export interface NodeParts {
  readonly graphs: RunGraphs;
  readonly queue: TaskQueue;
}

export interface RunningNode extends NodeParts {
  /** As the store knows it. */
  readonly id: string;
  /** The project has changed: from now on these pipelines. */
  replacePipelines(pipelines: LoadedPipelines, options?: RegisterOptions): Promise<void>;
  /** Drains first; a second call, or `now`, interrupts what runs and gives it back. */
  stop(how?: 'drain' | 'now'): void;
  readonly withWarehouse: Worker['withWarehouse'];
  /** When it has stopped. Never rejects. */
  readonly done: Promise<void>;
}

const SLOTS = 8;
const LEASE_MS = 20_000;
const RETENTION_FIRST_MS = 300_000;
const RETENTION_EVERY_MS = 3_600_000;

/**
 * Starts a node on a store.
 * @throws NODE_RUNNING when another `up` has the embedded store; SEGMENTS_APART, STORE_*
 */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { role, store, pipelines, clock, timers, random, note, onlyRun, segmentsId } = options;
  const leaseMs = options.worker.leaseMs ?? LEASE_MS;
  const identity = ownIdentity();
  const graphs = createRunGraphs();
  const queue = createTaskQueue(store, {
    random,
    graphs,
    ...(options.maxCrashes === undefined ? {} : { maxCrashes: options.maxCrashes }),
  });
  let stop = (_how: 'drain' | 'now'): void => {};
  const strays = catchStrayErrors((error) => {
    note(`an error that belongs to no task: ${errorText(error)}`);
    stop('now');
    options.onFatal(error);
  });
  const worker = await startWorker({
    ...withKnowledge(options),
    store,
    pipelines,
    queue,
    registration: {
      kind: role,
      identity,
      queues: options.queues ?? ['default'],
      slots: options.slots ?? SLOTS,
      embedded: options.embeddedWarehouse === true,
      ...(segmentsId === undefined ? {} : { segments: segmentsId }),
    },
    clock,
    timers,
    leaseMs,
    strays,
    note,
    ...(onlyRun === undefined ? {} : { onlyRun }),
  }).catch((error: unknown) => {
    strays.stop();
    throw error;
  });
  const register = (loaded: LoadedPipelines, more: RegisterOptions): Promise<void> =>
    role === 'up' ? registerPipelines(store, loaded, more) : Promise.resolve();
  const abandon = async (error: unknown): Promise<never> => {
    worker.stop('now');
    await worker.done;
    strays.stop();
    throw error;
  };
  await register(pipelines, options).catch(abandon);

  const watch = watchClock({
    store,
    timers,
    nowMs: () => clock.nowMs(),
    monotonicMs: options.monotonicMs,
    settleMs: leaseMs,
  });
  const stopping = new AbortController();
  // Due times and leases are the store's: on PostgreSQL by its server's clock.
  const time = watch.storeClock;
  const steps: Step[] = [
    { name: 'clock', onChange: false, run: () => watch.look() },
    {
      name: 'recover',
      onChange: false,
      run: () => recoverStep({ store, queue, identity, clock: time, clockWatch: watch }),
    },
  ];
  if (role === 'up') {
    steps.push({ name: 'schedule', onChange: true, run: createScheduleStep(store, graphs, time) });
    steps.push({ name: 'backfills', onChange: true, run: () => backfillStep(store, graphs) });
    steps.push({ name: 'admit', onChange: true, run: () => admitStep(store, graphs) });
    steps.push({ name: 'deadlines', onChange: true, run: () => deadlineStep(store, time) });
    if (options.retention !== undefined) steps.push(retentionStep(options, options.retention, stopping.signal));
    steps.push(...(options.steps?.({ graphs, queue }) ?? []));
  }
  if (role === 'command') {
    if (options.backfills === true)
      steps.push({ name: 'backfills', onChange: true, run: () => backfillStep(store, graphs) });
    steps.push({ name: 'admit', onChange: true, run: () => admitStep(store, graphs, onlyRun) });
  }
  const running = runSteps(steps, { store, timers, note });
  const alerts =
    role === 'up' && options.alerts !== undefined
      ? startAlerts(store, { ...options.alerts, clock, timers })
      : undefined;

  let asked = false;
  stop = (how) => {
    worker.stop(asked ? 'now' : how);
    asked = true;
    stopping.abort();
    void running.stop();
  };
  return {
    id: worker.id,
    graphs,
    queue,
    replacePipelines: async (loaded, more = {}) => {
      await register(loaded, more);
      worker.replacePipelines(loaded);
    },
    stop: (how = 'drain') => stop(how),
    withWarehouse: worker.withWarehouse,
    done: worker.done.then(async () => {
      await running.stop();
      await alerts?.stop();
      await options.worker.logs.flush().catch((error: unknown) => note(errorText(error)));
      strays.stop();
    }),
  };
}

/** What the worker learns of sources and warehouse is kept in the store, for `plan` and `status`. */
function withKnowledge({ store, clock, note, pipelines, worker }: NodeOptions): NodeWorker {
  const knowledge = keepKnowledge({ store, clock, note });
  const { warehouse, onLook, onReport } = worker;
  return {
    ...worker,
    onLook: async (look) => {
      await knowledge.onLook(look);
      await onLook?.(look);
    },
    onReport: async (run, report, opened) => {
      await knowledge.onReport(report, opened);
      await onReport?.(run, report, opened);
    },
    ...(warehouse === undefined
      ? {}
      : {
          warehouse: {
            ...warehouse,
            open: async () => {
              const opened = await warehouse.open();
              const names = pipelines.resolved.map((p) => p.name);
              await knowledge.read(names, opened).catch((error: unknown) => note(errorText(error)));
              return opened;
            },
          },
        }),
  };
}

/** What is old goes now and then, and not while everything else begins. */
function retentionStep(
  { store, clock }: NodeOptions,
  { logsDirectory, ...options }: NonNullable<NodeOptions['retention']>,
  signal: AbortSignal,
): Step {
  let atMs = clock.nowMs() + RETENTION_FIRST_MS;
  return {
    name: 'retention',
    onChange: false,
    run: async () => {
      if (clock.nowMs() >= atMs) {
        atMs = clock.nowMs() + RETENTION_EVERY_MS;
        const { runIds } = await pruneStore(store, { ...options, signal });
        await removeLogs(logsDirectory, runIds);
      }
      return atMs - clock.nowMs();
    },
  };
}
