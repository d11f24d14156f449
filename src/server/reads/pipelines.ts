import { SparkifyError } from '../../core/errors.ts';
import type { StoreReader } from '../../orchestrator/store/store.ts';
import type { PipelineRow } from '../../orchestrator/store/tables.ts';
import { dueIntervals } from '../../pipeline/due.ts';
import type { GraphSchedule, GraphTask, PipelineGraph } from '../../pipeline/graph.ts';
import { gridOf, type IntervalGrid } from '../../pipeline/interval-grid.ts';
import type { Answer, Call } from '../api.ts';
import { failureOf } from './failure.ts';
import { type Graphs, pipelineUnknown } from './graphs.ts';
import { durationOf } from './runs.ts';

type Pipeline = Answer<'getPipeline'>;

/** Runs of a pipeline's sparkline. */
const LATEST = 30;

export async function listPipelines(graphs: Graphs, call: Call<'listPipelines'>): Promise<Answer<'listPipelines'>> {
  const rows = await call.store.db.selectFrom('pipelines').selectAll().orderBy('name').execute();
  return { items: await Promise.all(rows.map((row) => pipelineOf(graphs, call, row))) };
}

export async function getPipeline(graphs: Graphs, call: Call<'getPipeline'>): Promise<Pipeline> {
  const name = call.params.pipeline;
  const row = await call.store.db.selectFrom('pipelines').selectAll().where('name', '=', name).executeTakeFirst();
  if (row === undefined) throw await pipelineUnknown(call.store.db, name);
  return pipelineOf(graphs, call, row);
}

export async function getGraph(
  graphs: Graphs,
  { store, params, query }: Call<'getGraph'>,
): Promise<Answer<'getGraph'>> {
  if (query.version === undefined) return graphAnswer(await graphs.current(store.db, params.pipeline));
  const graph = await graphs.find(store.db, params.pipeline, query.version);
  if (graph !== undefined) return graphAnswer(graph);
  await graphs.current(store.db, params.pipeline);
  throw new SparkifyError('REQUEST_INVALID', { problems: [`query.version is no version of ${params.pipeline}`] });
}

async function pipelineOf(
  graphs: Graphs,
  { store, nowMs }: { readonly store: { readonly db: StoreReader }; readonly nowMs: number },
  row: PipelineRow,
): Promise<Pipeline> {
  const graph = await graphs.find(store.db, row.name, row.version);
  const latest = await store.db
    .selectFrom('runs')
    .select(['id', 'kind', 'state', 'start_ms', 'end_ms', 'started_at_ms', 'finished_at_ms'])
    .where('pipeline', '=', row.name)
    .orderBy('id', 'desc')
    .limit(LATEST)
    .execute();
  const next = graph === undefined ? undefined : nextRun(row, graph, nowMs);
  return {
    name: row.name,
    doc: graph?.doc ?? '',
    state: row.state,
    paused: row.paused === 1,
    version: row.version,
    semanticVersion: row.semantic_version,
    error: failureOf(row.error_json),
    schedule: graph?.schedule === undefined ? null : scheduleAnswer(graph.schedule),
    nextRun: next ?? null,
    scheduledToMs: row.scheduled_to_ms,
    latestRuns: latest.map((r) => ({
      id: r.id,
      kind: r.kind,
      state: r.state,
      startMs: r.start_ms,
      endMs: r.end_ms,
      durationMs: durationOf(r, nowMs),
    })),
    updatedAtMs: row.updated_at_ms,
  };
}

/** What its schedule will make next: in the past when it is due and not made yet. */
export function nextRun(
  row: Pick<PipelineRow, 'state' | 'paused' | 'scheduled_to_ms'>,
  { schedule }: PipelineGraph,
  nowMs: number,
  grid: IntervalGrid | undefined = schedule === undefined ? undefined : gridOf(schedule),
): Pipeline['nextRun'] {
  if (schedule === undefined || grid === undefined || row.state !== 'active' || row.paused === 1) return null;
  const { create, scheduledToMs } = dueIntervals(
    schedule,
    { scheduledToMs: row.scheduled_to_ms, nowMs, limit: 1 },
    grid,
  );
  const next = create[0] ?? grid.next(Math.max(scheduledToMs, nowMs));
  return next === undefined ? null : { dueAtMs: next.endMs, ...next };
}

function graphAnswer(graph: PipelineGraph): Answer<'getGraph'> {
  return {
    pipeline: graph.pipeline,
    doc: graph.doc,
    version: graph.version,
    semanticVersion: graph.semanticVersion,
    schedule: graph.schedule === undefined ? null : scheduleAnswer(graph.schedule),
    deadlineMs: graph.deadlineMs ?? null,
    maxActiveRuns: graph.maxActiveRuns,
    pools: graph.pools ?? {},
    tasks: graph.tasks.map(taskAnswer),
  };
}

function taskAnswer(task: GraphTask): Answer<'getGraph'>['tasks'][number] {
  const { sensor } = task;
  return {
    name: task.name,
    kind: task.kind,
    group: task.group ?? null,
    after: task.after,
    trigger: task.trigger,
    retries: task.retries,
    timeoutMs: task.timeoutMs ?? null,
    pool: task.pool ?? null,
    poolSlots: task.poolSlots,
    queue: task.queue,
    priority: task.priority,
    dependsOnPast: task.dependsOnPast,
    data: task.data,
    mapped: task.mapped,
    sensor: sensor === undefined ? null : { ...sensor, graceMs: sensor.graceMs ?? null },
    branch: task.branch,
  };
}

function scheduleAnswer(schedule: GraphSchedule): NonNullable<Pipeline['schedule']> {
  return {
    text: schedule.text,
    cron: schedule.cron ?? null,
    everyMs: schedule.everyMs ?? null,
    timeZone: schedule.timeZone,
    // Without a start of its own it begins when it is first seen.
    startMs: schedule.startless === true ? null : schedule.startMs,
    endMs: schedule.endMs ?? null,
    missed: schedule.missed,
  };
}
