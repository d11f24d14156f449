import type { Selectable } from 'kysely';
import { sql } from 'kysely';
import type { PipelineGraph } from '../../pipeline/graph.ts';
import type { StoreReader } from '../store/store.ts';
import type { BackfillRow, PipelineRow, StoredRun, TaskInstance, WorkerRow } from '../store/tables.ts';
import { indexGraph, type RunGraph } from './run-graph.ts';
import { taskLabel } from './task-events.ts';

/** A pool, what is taken of it, and by whom. */
export interface PoolUse {
  readonly slots: number;
  readonly used: number;
  /** For people: `load_songs of run 4`. */
  readonly users: readonly string[];
}

export interface ActiveRun {
  readonly id: number;
  readonly pipeline: string;
  readonly kind: StoredRun['kind'];
  readonly backfill_id: number | null;
  readonly state: StoredRun['state'];
  readonly holder: string | null;
}

/** What decides, outside of a task, whether it runs. */
export interface WaitingFacts {
  readonly nowMs: number;
  readonly run: StoredRun;
  readonly graph: RunGraph;
  /** The run's tasks by name; of mapped ones without their elements. */
  readonly tasks: ReadonlyMap<string, TaskInstance>;
  readonly pipeline: Pick<PipelineRow, 'paused' | 'state'> | undefined;
  /** Runs of all pipelines that are queued or under way. */
  readonly active: readonly ActiveRun[];
  /** Of the run, if it has one. */
  readonly backfill: Pick<BackfillRow, 'state' | 'max_active'> | undefined;
  readonly pools: ReadonlyMap<string, PoolUse>;
  readonly workers: readonly (Pick<WorkerRow, 'id' | 'kind' | 'slots'> & {
    readonly queues: readonly string[];
    readonly busy: number;
  })[];
}

/** Reads the facts for these runs, with as many statements as for one. */
export async function loadWaitingFacts(
  db: StoreReader,
  runIds: readonly number[],
  nowMs: number,
): Promise<ReadonlyMap<number, WaitingFacts>> {
  if (runIds.length === 0) return new Map();
  const runs = await db.selectFrom('runs').selectAll().where('id', 'in', runIds).execute();
  const tasks = await db
    .selectFrom('tasks')
    .selectAll()
    .where('run_id', 'in', runIds)
    .where('map_index', '=', -1)
    .orderBy('id')
    .execute();
  const pipelines = await db.selectFrom('pipelines').select(['name', 'paused', 'state']).execute();
  const active = await db
    .selectFrom('runs')
    .select(['id', 'pipeline', 'kind', 'backfill_id', 'state', 'holder'])
    .where(sql<boolean>`state in ('queued', 'running', 'cancelling')`)
    .orderBy('priority')
    .orderBy('id')
    .execute();
  const running = await db
    .selectFrom('tasks')
    .select(['run_id', 'task', 'map_index', 'pool', 'pool_slots', 'worker'])
    .where(sql<boolean>`state = 'running'`)
    .execute();
  const workers = (await db.selectFrom('workers').selectAll().execute()).map((w) => ({
    id: w.id,
    kind: w.kind,
    slots: w.slots,
    queues: JSON.parse(w.queues_json) as readonly string[],
    busy: running.filter((t) => t.worker === w.id).length,
  }));
  const pools = new Map(
    (await db.selectFrom('pools').selectAll().execute()).map(({ name, slots }) => {
      const users = running.filter((t) => t.pool === name);
      const used = users.reduce((sum, t) => sum + t.pool_slots, 0);
      return [name, { slots, used, users: users.map((t) => `${taskLabel(t)} of run ${t.run_id}`) }] as const;
    }),
  );
  const backfills = await db
    .selectFrom('backfills')
    .select(['id', 'state', 'max_active'])
    .where('id', 'in', [0, ...runs.flatMap((r) => r.backfill_id ?? [])])
    .execute();
  const graphs = await loadGraphs(db, runs);
  return new Map(
    runs.map((run) => [
      run.id,
      {
        nowMs,
        run,
        graph: graphs.get(`${run.pipeline}\n${run.version}`)!,
        tasks: new Map(tasks.filter((t) => t.run_id === run.id).map((t) => [t.task, t])),
        pipeline: pipelines.find((p) => p.name === run.pipeline),
        active,
        backfill: backfills.find((b) => b.id === run.backfill_id),
        pools,
        workers,
      },
    ]),
  );
}

async function loadGraphs(
  db: StoreReader,
  runs: readonly Selectable<Pick<StoredRun, 'pipeline' | 'version'>>[],
): Promise<ReadonlyMap<string, RunGraph>> {
  const graphs = new Map<string, RunGraph>();
  for (const { pipeline, version } of runs) {
    const key = `${pipeline}\n${version}`;
    if (graphs.has(key)) continue;
    const { graph_json } = await db
      .selectFrom('pipeline_versions')
      .select('graph_json')
      .where('pipeline', '=', pipeline)
      .where('version', '=', version)
      .executeTakeFirstOrThrow();
    graphs.set(key, indexGraph(JSON.parse(graph_json) as PipelineGraph));
  }
  return graphs;
}
