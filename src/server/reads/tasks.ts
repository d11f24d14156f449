import { z } from 'zod';
import { SparkifyError } from '../../core/errors.ts';
import { loadWaitingFacts } from '../../orchestrator/runs/waiting-facts.ts';
import { whyNot } from '../../orchestrator/runs/why-not.ts';
import type { StoreReader } from '../../orchestrator/store/store.ts';
import type { StoredRun, TaskInstance } from '../../orchestrator/store/tables.ts';
import type { GraphTask } from '../../pipeline/graph.ts';
import type { Answer, Call } from '../api.ts';
import { boundedCount } from './count.ts';
import { cursorOf, readCursor } from './cursor.ts';
import { failureOf } from './failure.ts';
import type { Graphs } from './graphs.ts';
import { durationOf, findRun } from './runs.ts';

type Task = Answer<'listTasks'>['items'][number];
type Elements = ReadonlyMap<string, Readonly<Record<string, number>>>;

/** What a task's answer is made from besides its row. */
interface Around {
  readonly graph: ReadonlyMap<string, GraphTask>;
  readonly elements: Elements;
  readonly why: ReadonlyMap<number, Task['why']>;
  readonly nowMs: number;
}

const NOT_CLAIMED: ReadonlySet<string> = new Set(['waiting', 'ready']);

function taskOf(row: TaskInstance, { graph, elements, why, nowMs }: Around): Task {
  const declared = graph.get(row.task);
  const mapped = row.map_index === -1 && declared?.mapped === true;
  return {
    id: row.id,
    run: row.run_id,
    pipeline: row.pipeline,
    task: row.task,
    mapIndex: row.map_index,
    kind: declared?.kind ?? null,
    group: declared?.group ?? null,
    after: declared?.after ?? [],
    state: row.state,
    why: why.get(row.id) ?? null,
    detail: row.detail,
    attempt: row.attempt,
    failures: row.failures,
    crashes: row.crashes,
    looks: row.looks,
    queue: row.queue,
    pool: row.pool,
    worker: row.worker,
    leaseUntilMs: row.lease_until_ms,
    readyAtMs: NOT_CLAIMED.has(row.state) ? row.ready_at_ms : null,
    startedAtMs: row.started_at_ms,
    finishedAtMs: row.finished_at_ms,
    durationMs: durationOf(row, nowMs),
    error: failureOf(row.error_json),
    markedBy: row.marked_by,
    elements: mapped ? (elements.get(row.task) ?? {}) : null,
  };
}

/** Rows of one run as answers, each with the reason why it is not running. */
export async function tasksOf(
  { db, graphs, nowMs }: { readonly db: StoreReader; readonly graphs: Graphs; readonly nowMs: number },
  run: StoredRun,
  rows: readonly TaskInstance[],
): Promise<readonly Task[]> {
  const around = {
    graph: await graphs.tasksOf(db, run.pipeline, run.version),
    elements: await elementsOf(db, run.id),
    why: await reasonsOf(db, run, rows, nowMs),
    nowMs,
  };
  return rows.map((row) => taskOf(row, around));
}

/** Why those that do not run do not. */
async function reasonsOf(
  db: StoreReader,
  run: StoredRun,
  rows: readonly TaskInstance[],
  nowMs: number,
): Promise<Around['why']> {
  const facts = (await loadWaitingFacts(db, [run.id], nowMs)).get(run.id);
  if (facts === undefined) return new Map();
  return new Map(
    rows.flatMap((row) => {
      const why = whyNot(row, facts);
      return why === undefined ? [] : [[row.id, why] as const];
    }),
  );
}

async function elementsOf(db: StoreReader, runId: number): Promise<Elements> {
  const rows = await db
    .selectFrom('tasks')
    .select((eb) => ['task', 'state', eb.fn.countAll().as('n')])
    .where('run_id', '=', runId)
    .where('map_index', '>=', 0)
    .groupBy(['task', 'state'])
    .execute();
  const found = new Map<string, Record<string, number>>();
  for (const { task, state, n } of rows) found.set(task, { ...found.get(task), [state]: Number(n) });
  return found;
}

const taskCursor = z.tuple([z.int(), z.int()]);

/** The tasks of a run in the order of its graph, or the elements of one of them in theirs. */
export async function listTasks(graphs: Graphs, call: Call<'listTasks'>): Promise<Answer<'listTasks'>> {
  const { store, params, query, nowMs } = call;
  const run = await findRun(store.db, params.run);
  const after = readCursor(taskCursor, query.cursor);
  let rows = store.db.selectFrom('tasks').where('run_id', '=', run.id);
  if (query.mapped === undefined) rows = rows.where('map_index', '=', -1);
  else {
    await requireTask(store.db, run, query.mapped);
    rows = rows.where('task', '=', query.mapped).where('map_index', '>=', 0);
  }
  if (query.state !== undefined) rows = rows.where('state', 'in', query.state);
  const total = await boundedCount(rows.select('id'));
  // Rows of a run are made in the order of its graph, elements in the order of theirs.
  const page = await (after === undefined
    ? rows
    : rows.where((eb) =>
        eb.or([eb('map_index', '>', after[0]), eb.and([eb('map_index', '=', after[0]), eb('id', '>', after[1])])]),
      )
  )
    .selectAll()
    .orderBy('map_index')
    .orderBy('id')
    .limit(query.limit + 1)
    .execute();
  const items = await tasksOf({ db: store.db, graphs, nowMs }, run, page.slice(0, query.limit));
  const last = items.at(-1);
  return {
    items,
    nextCursor: page.length > query.limit ? cursorOf([last!.mapIndex, last!.id]) : null,
    total,
  };
}

/** @throws RUN_UNKNOWN, TASK_UNKNOWN */
export async function findTask(
  db: StoreReader,
  {
    run: runId,
    task,
    mapIndex = -1,
  }: { readonly run: number; readonly task: string; readonly mapIndex?: number | undefined },
): Promise<{ readonly run: StoredRun; readonly row: TaskInstance }> {
  const run = await findRun(db, runId);
  const row = await db
    .selectFrom('tasks')
    .selectAll()
    .where('run_id', '=', runId)
    .where('task', '=', task)
    .where('map_index', '=', mapIndex)
    .executeTakeFirst();
  if (row !== undefined) return { run, row };
  await requireTask(db, run, task);
  throw new SparkifyError('TASK_UNKNOWN', { what: `Run ${runId}`, task: `${task}[${mapIndex}]`, known: [task] });
}

async function requireTask(db: StoreReader, run: StoredRun, task: string): Promise<void> {
  const rows = await db
    .selectFrom('tasks')
    .select('task')
    .where('run_id', '=', run.id)
    .where('map_index', '=', -1)
    .orderBy('id')
    .execute();
  const known = rows.map((r) => r.task);
  if (!known.includes(task)) throw new SparkifyError('TASK_UNKNOWN', { what: `Run ${run.id}`, task, known });
}

export async function getTask(graphs: Graphs, call: Call<'getTask'>): Promise<Answer<'getTask'>> {
  const { run, row } = await findTask(call.store.db, { ...call.params, ...call.query });
  const [task] = await tasksOf({ db: call.store.db, graphs, nowMs: call.nowMs }, run, [row]);
  return { ...task!, input: parsedValue(row.input_json), output: parsedValue(row.output_json) };
}

export async function listAttempts(call: Call<'listAttempts'>): Promise<Answer<'listAttempts'>> {
  const { store, nowMs } = call;
  const { row } = await findTask(store.db, { ...call.params, ...call.query });
  const rows = await store.db
    .selectFrom('attempts')
    .selectAll()
    .where('task_id', '=', row.id)
    .orderBy('attempt')
    .execute();
  return {
    items: rows.map((a) => ({
      attempt: a.attempt,
      state: a.state,
      worker: a.worker,
      startedAtMs: a.started_at_ms,
      finishedAtMs: a.finished_at_ms,
      durationMs: durationOf(a, nowMs),
      error: failureOf(a.error_json),
    })),
  };
}

function parsedValue(json: string | null): unknown {
  return json === null ? null : (JSON.parse(json) as unknown);
}
