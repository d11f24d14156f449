import { type TaskState, taskTransitions } from '../../orchestrator/model/states.ts';
import type { StoreReader } from '../../orchestrator/store/store.ts';
import type { Answer, Call } from '../api.ts';
import type { Graphs } from './graphs.ts';
import { durationOf } from './runs.ts';

/** One letter a state; `.` is no task. */
export const stateCodes: Readonly<Record<TaskState, string>> = {
  waiting: 'w',
  ready: 'q',
  running: 'r',
  expanded: 'x',
  succeeded: 's',
  failed: 'f',
  skipped: 'k',
  upstream_failed: 'u',
  cancelled: 'c',
};

const codes = Object.fromEntries(
  (Object.keys(taskTransitions) as TaskState[]).map((state) => [stateCodes[state], state]),
);

const USUAL = 60;

/** No name has these characters. */
const [BETWEEN_FIELDS, BETWEEN_TASKS] = ['\u001f', '\u001e'];

interface MatrixTask {
  readonly task: string;
  readonly state: TaskState;
  readonly attempt: number;
}

/** The tasks of these runs, one row of text a run: six thousand rows would take several times as long to hand over. */
async function tasksByRun(
  db: StoreReader,
  runs: readonly number[],
): Promise<readonly { readonly run: number; readonly tasks: readonly MatrixTask[] }[]> {
  const rows = await db
    .selectFrom('tasks')
    .select((eb) => [
      'run_id',
      eb.fn
        .agg<string>('string_agg', [
          eb(
            eb(eb(eb('task', '||', BETWEEN_FIELDS), '||', eb.ref('state')), '||', BETWEEN_FIELDS),
            '||',
            eb.cast<string>('attempt', 'text'),
          ),
          eb.val(BETWEEN_TASKS),
        ])
        .as('tasks'),
    ])
    .where('run_id', 'in', [...runs, -1])
    .where('map_index', '=', -1)
    .groupBy('run_id')
    .execute();
  return rows.map(({ run_id, tasks }) => ({
    run: run_id,
    tasks: tasks.split(BETWEEN_TASKS).map((text): MatrixTask => {
      const [task, state, attempt] = text.split(BETWEEN_FIELDS) as [string, TaskState, string];
      return { task, state, attempt: Number(attempt) };
    }),
  }));
}

/** The latest runs of a pipeline by its tasks: columns as today's graph has them, then those that older runs had besides. */
export async function getMatrix(graphs: Graphs, call: Call<'getMatrix'>): Promise<Answer<'getMatrix'>> {
  const { store, params, query, nowMs } = call;
  const graph = await graphs.current(store.db, params.pipeline);
  const limit = query.runs ?? USUAL;
  let rows = store.db.selectFrom('runs').where('pipeline', '=', params.pipeline);
  if (query.before !== undefined) rows = rows.where('id', '<', query.before);
  if (query.kind !== undefined) rows = rows.where('kind', '=', query.kind);
  const page = await rows
    .select(['id', 'state', 'kind', 'start_ms', 'end_ms', 'started_at_ms', 'finished_at_ms'])
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  // The latest by number, shown in the order of time: a backfill's runs stand among the others.
  const runs = page.slice(0, limit).sort((a, b) => b.start_ms - a.start_ms || b.end_ms - a.end_ms || b.id - a.id);
  const columns = new Map(graph.tasks.map((t, i) => [t.name, i]));
  const rowOf = new Map(runs.map((r, i) => [r.id, i]));
  const states: string[][] = runs.map(() => []);
  const retried: [number, number, number][] = [];
  const byRun = await tasksByRun(store.db, [...rowOf.keys()]);
  const older = new Set(byRun.flatMap(({ tasks }) => tasks.map((t) => t.task)).filter((name) => !columns.has(name)));
  for (const name of [...older].sort()) columns.set(name, columns.size);
  for (const { run, tasks } of byRun) {
    const row = rowOf.get(run)!;
    for (const { task, state, attempt } of tasks) {
      const column = columns.get(task)!;
      states[row]![column] = stateCodes[state];
      if (attempt > 1) retried.push([row, column, attempt]);
    }
  }
  const groups = new Map(graph.tasks.map((t) => [t.name, t.group]));
  const names = [...columns.keys()];
  return {
    pipeline: params.pipeline,
    codes,
    tasks: names,
    groups: names.map((name) => groups.get(name) ?? null),
    runs: runs.map((r) => r.id),
    states: runs.map((r) => r.state),
    kinds: runs.map((r) => r.kind),
    startMs: runs.map((r) => r.start_ms),
    endMs: runs.map((r) => r.end_ms),
    durationMs: runs.map((r) => durationOf(r, nowMs)),
    cells: states.map((row) => names.map((_, i) => row[i] ?? '.').join('')),
    retried,
    earlier: page.length > limit,
  };
}
