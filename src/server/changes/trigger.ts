import { SparkifyError } from '../../core/errors.ts';
import type { RunRequest } from '../../orchestrator/model/run-request.ts';
import { createRun } from '../../orchestrator/runs/create-run.ts';
import type { StoreReader } from '../../orchestrator/store/store.ts';
import type { LoadedPipelines } from '../../orchestrator/worker/definitions.ts';
import { type ResolvedPipeline, resolvePipeline } from '../../pipeline/define.ts';
import type { PipelineGraph } from '../../pipeline/graph.ts';
import { graphOf } from '../../pipeline/graph-of.ts';
import { ALL_TIME, parseInterval } from '../../pipeline/interval.ts';
import type { Answer, Call } from '../api.ts';
import { findRun, runOf } from '../reads/runs.ts';

/** A person waits for it. */
const PRIORITY = 0;

/**
 * A run that somebody asks for now, over an interval or all time. Its parameters are looked at by the pipeline's own
 * definition, where this process has it.
 * @throws PIPELINE_UNKNOWN, PIPELINE_BROKEN, PIPELINE_GONE, PARAMETER_INVALID, INTERVAL_INVALID, TASK_UNKNOWN, POOL_UNKNOWN, …
 */
export async function triggerRun(loaded: LoadedPipelines, call: Call<'triggerRun'>): Promise<Answer<'triggerRun'>> {
  const { store, body, by, nowMs } = call;
  requireTogether(body);
  const interval = body.interval === undefined ? ALL_TIME : parseInterval(body.interval);
  const { pipeline, interval: _, params = {}, ...rest } = body;
  const request: RunRequest = { params, ...defined(rest) };
  return store.write(async (tx) => {
    const graph = await graphFor(loaded, tx.db, pipeline, params);
    const id = await createRun(tx, {
      graph,
      kind: 'manual',
      interval,
      request,
      priority: PRIORITY,
      dueAtMs: tx.nowMs,
      requestedBy: by.name,
    });
    return runOf(await findRun(tx.db, id), nowMs);
  });
}

/** The graph under these parameters: they may make other tasks. */
async function graphFor(
  loaded: LoadedPipelines,
  db: StoreReader,
  name: string,
  params: Readonly<Record<string, unknown>>,
): Promise<PipelineGraph> {
  return graphOf(withParameters(loaded, await declaredPipeline(loaded, db, name), params));
}

/** Looks at parameters by the pipeline's own definition, where this process has it. @throws PARAMETER_INVALID */
export function requireParameters(
  loaded: LoadedPipelines,
  name: string,
  params: Readonly<Record<string, unknown>>,
): void {
  const declared = loaded.resolved.find((p) => p.name === name);
  if (declared !== undefined) withParameters(loaded, declared, params);
}

/** @throws PARAMETER_INVALID, also for a required one that nobody gives */
export function withParameters(
  loaded: LoadedPipelines,
  pipeline: ResolvedPipeline,
  params: Readonly<Record<string, unknown>> = {},
): ResolvedPipeline {
  const unset = loaded.unset?.get(pipeline.name) ?? [];
  if (unset.length === 0 && Object.keys(params).length === 0) return pipeline;
  const set = Object.entries(pipeline.params).filter(([name]) => !unset.includes(name));
  return resolvePipeline(pipeline.origin, { ...Object.fromEntries(set), ...params });
}

/** The pipeline as this process has it. @throws PIPELINE_UNKNOWN, PIPELINE_BROKEN, PIPELINE_GONE */
export async function declaredPipeline(
  loaded: LoadedPipelines,
  db: StoreReader,
  name: string,
): Promise<ResolvedPipeline> {
  const declared = loaded.resolved.find((p) => p.name === name);
  if (declared !== undefined) return declared;
  const broken = loaded.broken.find((p) => p.name === name);
  if (broken !== undefined)
    throw new SparkifyError(
      'PIPELINE_BROKEN',
      { pipeline: name, detail: broken.error.message },
      { cause: broken.error },
    );
  const known = loaded.resolved.map((p) => p.name);
  const was = await db.selectFrom('pipelines').select('name').where('name', '=', name).executeTakeFirst();
  throw was === undefined
    ? new SparkifyError('PIPELINE_UNKNOWN', { pipeline: name, known })
    : new SparkifyError('PIPELINE_GONE', { pipeline: name });
}

function requireTogether(body: Call<'triggerRun'>['body']): void {
  const problems = [
    ...(body.fromSources === true && body.rebuild !== true
      ? ['body.fromSources means something with rebuild only']
      : []),
    ...(body.pruneAll === true && body.prune !== true ? ['body.pruneAll means something with prune only'] : []),
  ];
  if (problems.length > 0) throw new SparkifyError('REQUEST_INVALID', { problems });
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
