import { SparkifyError } from '../../core/errors.ts';
import type { RunRequest } from '../../orchestrator/model/run-request.ts';
import { cancelRun } from '../../orchestrator/runs/cancel-run.ts';
import { createRun } from '../../orchestrator/runs/create-run.ts';
import { createRunGraphs, type RunGraphs } from '../../orchestrator/runs/run-graph.ts';
import { startRuns } from '../../orchestrator/runs/start-runs.ts';
import { registerPipelines } from '../../orchestrator/scheduler/register-pipelines.ts';
import type { Store, StoreTransaction } from '../../orchestrator/store/store.ts';
import type { ResolvedPipeline } from '../../pipeline/define.ts';
import { ALL_TIME, type Interval, parseInterval } from '../../pipeline/interval.ts';
import type { Api, CallInput } from '../../server/api.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import { attendedGraph } from '../attended-run.ts';
import { type CliContext, line } from '../context.ts';
import { runningServer, userName } from '../control.ts';
import { loadedPipelines } from '../loaded-pipelines.ts';
import { jsonText } from '../output.ts';
import { givenParameters, withParameters } from '../parameters.ts';
import { openProject, type Project, type ProjectFlags, parameterSources, pipelineOf } from '../project.ts';
import { apiOver, carryOutHere } from '../run-here.ts';
import { waitForRun } from '../run-there.ts';
import { checkSegments } from '../segments-access.ts';
import { withStore } from '../store-access.ts';
import { nameFix } from '../suggest.ts';
import { openServing } from '../warehouse-access.ts';

export interface RunFlags extends ProjectFlags {
  readonly interval?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly only?: readonly string[];
  readonly dryRun?: boolean;
  readonly rebuild?: boolean;
  readonly fromSources?: boolean;
  readonly prune?: boolean;
  readonly yesAll?: boolean;
  readonly verify?: boolean;
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** What is asked for, checked. */
interface Wanted {
  readonly pipeline: ResolvedPipeline;
  readonly interval: Interval;
  readonly request: RunRequest;
}

/** `sparkify run`: one pipeline over one interval, as a run of the store: in this process, or by the `up` that runs. */
export async function run(context: CliContext, flags: RunFlags, name: string): Promise<number> {
  requireTogether(flags);
  const interval = flags.interval === undefined ? ALL_TIME : parseInterval(flags.interval);
  const project = await openProject(context, flags);
  const declared = pipelineOf(project, name);
  const sources = parameterSources(context, project, declared, flags.set);
  const pipeline = withParameters(declared, sources);
  requireTasks(pipeline, flags.only);
  const wanted = { pipeline, interval, request: requestOf(flags, givenParameters(declared, sources)) };
  const server = await runningServer(context, flags);
  if (server !== undefined) return runThere(context, flags, server.api, wanted);
  return withStore(context, project, async (store) => {
    const api = apiOver(context, project, store, loadedPipelines(context, project));
    const { items } = await api.call('listWorkers');
    // On another machine, with the same store.
    if (items.some((worker) => worker.alive && worker.kind === 'up')) return runThere(context, flags, api, wanted);
    if (flags.wait === false)
      throw new SparkifyError('USAGE', {
        detail: 'Nobody would carry it out: no `sparkify up` runs.',
        fix: 'Start `sparkify up`, or leave --no-wait out.',
      });
    return runHere(context, flags, project, store, wanted);
  });
}

function requestOf(flags: RunFlags, params: Readonly<Record<string, unknown>>): RunRequest {
  return {
    params,
    ...(flags.only === undefined ? {} : { only: flags.only }),
    ...(flags.rebuild === true ? { rebuild: true } : {}),
    ...(flags.fromSources === true ? { fromSources: true } : {}),
    ...(flags.prune === true ? { prune: true } : {}),
    ...(flags.yesAll === true ? { pruneAll: true } : {}),
    ...(flags.verify === true ? { verify: true } : {}),
    ...(flags.dryRun === true ? { dryRun: true } : {}),
  };
}

async function runThere(
  context: CliContext,
  flags: RunFlags,
  api: Api,
  { pipeline, request }: Wanted,
): Promise<number> {
  const { params, ...rest } = request;
  const body = {
    pipeline: pipeline.name,
    params,
    ...rest,
    ...(flags.interval === undefined ? {} : { interval: flags.interval }),
  } as CallInput<'triggerRun'>['body'];
  const made = await api.call('triggerRun', { body: body! });
  if (flags.wait === false) {
    if (flags.json === true) await line(context.out, jsonText(made, 2));
    else await line(context.out, `Run ${made.id} of ${made.pipeline} (${made.interval}) is asked for`);
    return 0;
  }
  await line(context.err, context.errColors.dim(`run ${made.id}, carried out by sparkify up`));
  return waitForRun(context, api, { run: made.id, afterSeq: 0, json: flags.json === true });
}

async function runHere(
  context: CliContext,
  flags: RunFlags,
  project: Project,
  store: Store,
  wanted: Wanted,
): Promise<number> {
  const loaded = loadedPipelines(context, project);
  const graph = attendedGraph(wanted.pipeline);
  const graphs = createRunGraphs();
  // Before anything is written: who cannot have the warehouse has no run either.
  const warehouse = graph.tasks.some((t) => t.data) ? new EagerWarehouse(context, project) : undefined;
  await warehouse?.open();
  try {
    const segmentsId = await checkSegments(project, store);
    await registerPipelines(store, loaded, { pools: project.pools });
    const id = await store.write(async (tx) => {
      const made = await createRun(tx, {
        graph,
        kind: 'manual',
        interval: wanted.interval,
        request: wanted.request,
        priority: 0,
        dueAtMs: tx.nowMs,
        requestedBy: userName(),
      });
      await cancelAbandoned(tx, graphs, made);
      await startRuns(tx, graphs, [made]);
      return made;
    });
    return await carryOutHere(context, project, store, {
      run: id,
      afterSeq: 0,
      queues: [...new Set(graph.tasks.map((t) => t.queue))],
      pipelines: {
        ...loaded,
        resolved: [...loaded.resolved.filter((p) => p.name !== wanted.pipeline.name), wanted.pipeline],
      },
      ...(warehouse === undefined ? {} : { openWarehouse: () => warehouse.take() }),
      segmentsId,
      json: flags.json === true,
    });
  } finally {
    await warehouse?.close();
  }
}

/** A warehouse that is opened before anybody asks for it. */
class EagerWarehouse {
  readonly #context: CliContext;
  readonly #project: Project;
  #opened: Warehouse | undefined;

  constructor(context: CliContext, project: Project) {
    this.#context = context;
    this.#project = project;
  }

  async open(): Promise<void> {
    this.#opened = await openServing(this.#context, this.#project);
  }

  /** The one that is open; whoever takes it closes it. Later ones are opened anew. */
  async take(): Promise<Warehouse> {
    const opened = this.#opened;
    this.#opened = undefined;
    return opened ?? openServing(this.#context, this.#project);
  }

  /** If nobody has taken it. */
  async close(): Promise<void> {
    await this.#opened?.close();
    this.#opened = undefined;
  }
}

/**
 * Ends runs of the same work whose command was killed: nobody would carry them on, and what they staged and computed is
 * taken up by the new one.
 */
async function cancelAbandoned(tx: StoreTransaction, graphs: RunGraphs, made: number): Promise<void> {
  const left = await tx.all<{ id: number }>(
    `select o.id from runs o join runs n on n.id = $1
     where o.id < n.id and o.pipeline = n.pipeline and o.kind = 'manual' and o.state in ('running', 'cancelling')
       and o.start_ms = n.start_ms and o.end_ms = n.end_ms and o.request_json = n.request_json
       and not exists (select 1 from tasks t join workers w on w.id = t.worker
         where t.run_id = o.id and t.state = 'running' and t.lease_until_ms > $2)`,
    [made, tx.nowMs],
  );
  for (const { id } of left) await cancelRun(tx, graphs, id, { by: `run ${made}, which does the same` });
}

function requireTasks(pipeline: ResolvedPipeline, only: readonly string[] | undefined): void {
  const tasks = [...new Set(pipeline.tasks.flatMap((t) => (t.group === undefined ? [t.name] : [t.name, t.group])))];
  const unknown = only?.find((t) => !tasks.includes(t));
  if (unknown !== undefined)
    throw new SparkifyError('USAGE', {
      detail: `Pipeline ${pipeline.name} has no task or group "${unknown}".`,
      fix: nameFix(unknown, tasks, ''),
    });
}

function requireTogether(flags: RunFlags): void {
  const need = (flag: boolean | undefined, name: string, other: boolean | undefined, otherName: string): void => {
    if (flag === true && other !== true)
      throw new SparkifyError('USAGE', {
        detail: `${name} means something together with ${otherName} only.`,
        fix: `Add ${otherName}, or leave ${name} out.`,
      });
  };
  need(flags.fromSources, '--from-sources', flags.rebuild, '--rebuild');
  need(flags.yesAll, '--yes-all', flags.prune, '--prune');
}
