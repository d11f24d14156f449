import { SparkifyError } from '../../core/errors.ts';
import type { PipelineGraph } from '../../pipeline/graph.ts';
import type { Interval } from '../../pipeline/interval.ts';
import type { RunRequest } from '../model/run-request.ts';
import type { StoreTransaction } from '../store/store.ts';
import { waitForPast } from './past.ts';
import { type SelectedTask, selectTasks } from './selection.ts';
import { ID, listOf, sqlWords } from './sql-words.ts';

export interface NewRun {
  readonly graph: PipelineGraph;
  readonly kind: 'scheduled' | 'manual' | 'backfill';
  readonly interval: Interval;
  /** The cells of a run that covers several; none means the interval itself. */
  readonly cells?: readonly Interval[];
  readonly request: RunRequest;
  /** Smaller goes first: 0 a person waits for it, 10 the schedule, 20 a backfill. */
  readonly priority: number;
  readonly dueAtMs: number;
  readonly requestedBy: string;
  readonly backfillId?: number;
}

/**
 * Makes a run with its task instances, `queued` until `startRuns`; gives its id. A scheduled run that the interval has
 * already is given back as it is.
 * @throws TASK_UNKNOWN, POOL_UNKNOWN, POOL_TOO_SMALL
 */
export async function createRun(tx: StoreTransaction, run: NewRun): Promise<number> {
  return (await createRuns(tx, [run]))[0]!;
}

/** A run with the tasks that it shall have. */
export interface Planned {
  readonly run: NewRun;
  readonly tasks: readonly SelectedTask[];
}

/** As `createRun` for many at once, with a few statements for all; the ids in the order given. */
export async function createRuns(tx: StoreTransaction, runs: readonly NewRun[]): Promise<readonly number[]> {
  const selections = new Map<string, readonly SelectedTask[]>();
  const planned = runs.map((run): Planned => {
    const key = selectionKey(run);
    const tasks = selections.get(key) ?? selectTasks(run.graph, run.request);
    selections.set(key, tasks);
    return { run, tasks };
  });
  const graphs = new Map(runs.map((r) => [`${r.graph.pipeline}\n${r.graph.version}`, r.graph]));
  for (const graph of graphs.values()) await keepVersion(tx, graph);
  await requirePools(tx, planned);
  const others = planned.filter(({ run }) => run.kind !== 'scheduled');
  const otherIds = await insertRuns(tx, others);
  const ids = new Map<Planned, number>(others.map((p, i) => [p, otherIds[i]!]));
  const made = new Map(ids);
  await insertScheduled(
    tx,
    planned.filter(({ run }) => run.kind === 'scheduled'),
    ids,
    made,
  );
  await insertTasks(tx, made);
  await insertCells(tx, made);
  for (const [{ run, tasks }, id] of made) {
    await dependOnPast(tx, id, run, tasks);
    const { startMs, endMs } = run.interval;
    tx.emit({ type: 'run.created', pipeline: run.graph.pipeline, runId: id, kind: run.kind, startMs, endMs });
  }
  return planned.map((p) => ids.get(p)!);
}

export async function dependOnPast(
  tx: StoreTransaction,
  id: number,
  { graph, interval }: Pick<NewRun, 'graph' | 'interval'>,
  tasks: readonly SelectedTask[],
): Promise<void> {
  const past = tasks.filter(({ task }) => task.dependsOnPast).map(({ task }) => task.name);
  if (past.length > 0) await waitForPast(tx, { id, pipeline: graph.pipeline, startMs: interval.startMs }, past);
}

function selectionKey({ graph, request }: NewRun): string {
  return JSON.stringify([
    graph.pipeline,
    graph.version,
    request.only ?? null,
    request.tasks ?? null,
    request.dryRun === true,
  ]);
}

/** A run refers to the version it began with, so that version stays in the store. */
async function keepVersion(tx: StoreTransaction, graph: PipelineGraph): Promise<void> {
  await tx.run(
    `insert into pipelines (name, version, semantic_version, state, paused, updated_at_ms)
     values ($1, $2, $3, 'active', 0, $4) on conflict do nothing`,
    [graph.pipeline, graph.version, graph.semanticVersion, tx.nowMs],
  );
  await tx.run(
    `insert into pipeline_versions (pipeline, version, semantic_version, graph_json, created_at_ms)
     values ($1, $2, $3, $4, $5) on conflict do nothing`,
    [graph.pipeline, graph.version, graph.semanticVersion, JSON.stringify(graph), tx.nowMs],
  );
}

export async function requirePools(tx: StoreTransaction, planned: readonly Planned[]): Promise<void> {
  const selections = new Map(planned.map((p) => [p.tasks, p.run.graph.pipeline]));
  const users = [...selections].flatMap(([tasks, pipeline]) =>
    tasks.flatMap(({ task }) =>
      task.pool === undefined ? [] : [{ pipeline, task: task.name, pool: task.pool, slots: task.poolSlots }],
    ),
  );
  if (users.length === 0) return;
  const pools = new Map(
    (await tx.all<{ name: string; slots: number }>('select name, slots from pools order by name')).map((p) => [
      p.name,
      p.slots,
    ]),
  );
  for (const { pipeline, task, pool, slots } of users) {
    const has = pools.get(pool);
    if (has === undefined) throw new SparkifyError('POOL_UNKNOWN', { pipeline, task, pool, known: [...pools.keys()] });
    if (has < slots) throw new SparkifyError('POOL_TOO_SMALL', { pipeline, task, pool, slots: has, needed: slots });
  }
}

const RUN_VALUES = {
  n: 'bigint',
  pipeline: 'text',
  version: 'text',
  kind: 'text',
  backfill_id: 'bigint',
  start_ms: 'bigint',
  end_ms: 'bigint',
  priority: 'bigint',
  request_json: 'text',
  due_at_ms: 'bigint',
  deadline_ms: 'bigint',
  unfinished: 'bigint',
  requested_by: 'text',
} as const;

async function insertRuns(tx: StoreTransaction, planned: readonly Planned[]): Promise<readonly number[]> {
  if (planned.length === 0) return [];
  const rows = await insertRows<{ id: number }>(tx, planned, 'id');
  // Ids are given out in the order of the rows; in which order they are returned is not said.
  return rows.map(({ id }) => id).sort((a, b) => a - b);
}

async function insertScheduled(
  tx: StoreTransaction,
  planned: readonly Planned[],
  ids: Map<Planned, number>,
  made: Map<Planned, number>,
): Promise<void> {
  if (planned.length === 0) return;
  const place = (pipeline: string, startMs: number, endMs: number): string => `${startMs} ${endMs} ${pipeline}`;
  const inserted = new Map(
    (
      await insertRows<{ id: number; pipeline: string; start_ms: number; end_ms: number }>(
        tx,
        planned,
        'id, pipeline, start_ms, end_ms',
      )
    ).map((row) => [place(row.pipeline, row.start_ms, row.end_ms), row.id]),
  );
  for (const p of planned) {
    const { pipeline } = p.run.graph;
    const { startMs, endMs } = p.run.interval;
    const key = place(pipeline, startMs, endMs);
    const id = inserted.get(key);
    if (id !== undefined) {
      ids.set(p, id);
      made.set(p, id);
      // Asked for twice at once, it is made once.
      inserted.delete(key);
      continue;
    }
    const [row] = await tx.all<{ id: number }>(
      "select id from runs where kind = 'scheduled' and pipeline = $1 and start_ms = $2 and end_ms = $3",
      [pipeline, startMs, endMs],
    );
    ids.set(p, row!.id);
  }
}

function insertRows<Row>(
  tx: StoreTransaction,
  planned: readonly Planned[],
  returning: string,
): Promise<readonly Row[]> {
  const words = sqlWords(tx.capabilities);
  const { n: _, ...inserted } = RUN_VALUES;
  const columns = Object.keys(inserted);
  return tx.all<Row>(
    `insert into runs (${columns.join(', ')}, state, created_at_ms, late, failures)
     select ${columns.map((c) => `v.${c}`).join(', ')}, 'queued', cast($2 as bigint), 0, 0
     from ${words.rows('$1', RUN_VALUES)} where true order by v.n
     on conflict do nothing returning ${returning}`,
    [JSON.stringify(planned.map(runRow)), tx.nowMs],
  );
}

function runRow({ run, tasks }: Planned, n: number): Record<keyof typeof RUN_VALUES, unknown> {
  const { graph } = run;
  return {
    n,
    pipeline: graph.pipeline,
    version: graph.version,
    kind: run.kind,
    backfill_id: run.backfillId ?? null,
    start_ms: run.interval.startMs,
    end_ms: run.interval.endMs,
    priority: run.priority,
    request_json: JSON.stringify(run.request),
    due_at_ms: run.dueAtMs,
    // A backfill has all the time it needs.
    deadline_ms: graph.deadlineMs === undefined || run.kind === 'backfill' ? null : run.dueAtMs + graph.deadlineMs,
    unfinished: tasks.length,
    requested_by: run.requestedBy,
  };
}

/** Makes the task instances of runs, `waiting`: one statement for all runs with the same tasks. */
export async function insertTasks(tx: StoreTransaction, made: ReadonlyMap<Planned, number>): Promise<void> {
  const words = sqlWords(tx.capabilities);
  const bySelection = new Map<readonly SelectedTask[], number[]>();
  for (const [{ tasks }, id] of made) {
    const list = bySelection.get(tasks);
    if (list === undefined) bySelection.set(tasks, [id]);
    else list.push(id);
  }
  const columns = {
    n: 'bigint',
    task: 'text',
    priority: 'bigint',
    queue: 'text',
    pool: 'text',
    pool_slots: 'bigint',
    data: 'bigint',
    blockers: 'bigint',
  } as const;
  for (const [tasks, ids] of bySelection) {
    await tx.run(
      `insert into tasks (run_id, pipeline, task, map_index, state, priority, queue, pool, pool_slots, data, ready_at_ms,
         blockers, blockers_failed, blockers_skipped, attempt, failures, crashes, looks)
       select r.id, r.pipeline, v.task, -1, 'waiting', r.priority + v.priority, v.queue, v.pool, v.pool_slots, v.data, cast($3 as bigint),
         v.blockers, 0, 0, 0, 0, 0, 0
       from runs r cross join ${words.rows('$2', columns)}
       where r.id ${words.amongIds('$1')}
       order by r.id, v.n`,
      [
        listOf(ids),
        JSON.stringify(
          tasks.map(({ task, blockers }, n) => ({
            n,
            task: task.name,
            priority: task.priority,
            queue: task.queue,
            pool: task.pool,
            pool_slots: task.poolSlots,
            data: Number(task.data),
            blockers,
          })),
        ),
        tx.nowMs,
      ],
    );
  }
}

async function insertCells(tx: StoreTransaction, made: ReadonlyMap<Planned, number>): Promise<void> {
  const cells = [...made].flatMap(([{ run }, id]) =>
    (run.cells ?? []).map(({ startMs, endMs }) => ({ id, start_ms: startMs, end_ms: endMs })),
  );
  if (cells.length === 0) return;
  const words = sqlWords(tx.capabilities);
  await tx.run(
    `insert into run_cells (run_id, start_ms, end_ms)
     select v.id, v.start_ms, v.end_ms from ${words.rows('$1', { ...ID, start_ms: 'bigint', end_ms: 'bigint' })}`,
    [JSON.stringify(cells)],
  );
}
