import { SparkifyError } from '../../core/errors.ts';
import {
  type AttemptState,
  type RunState,
  runEnded,
  runTransitions,
  type TaskState,
  taskEnded,
  taskTransitions,
} from '../model/states.ts';
import type { StoreTransaction } from '../store/store.ts';
import type { StoredRun, TaskInstance } from '../store/tables.ts';
import { together } from '../store/together.ts';
import type { RunGraph, RunGraphs } from './run-graph.ts';
import { ID, listOf, type RowColumns, type SqlWords, sqlWords } from './sql-words.ts';

/** Of a run, what its changes need. */
export type ChangingRun = Pick<
  StoredRun,
  | 'id'
  | 'pipeline'
  | 'version'
  | 'backfill_id'
  | 'start_ms'
  | 'end_ms'
  | 'state'
  | 'started_at_ms'
  | 'finished_at_ms'
  | 'unfinished'
  | 'failures'
  | 'error_json'
>;

const RUN_COLUMNS =
  'id, pipeline, version, backfill_id, start_ms, end_ms, state, started_at_ms, finished_at_ms, unfinished, failures, error_json';

/** A task of the graph within a run; elements of mapped tasks have no place of their own. */
export interface Place {
  readonly runId: number;
  readonly task: string;
}

/** A task that has just ended; `unchosen`: tasks directly after this branch that shall be skipped. */
export interface EndedTask {
  readonly task: TaskInstance;
  readonly unchosen: ReadonlySet<string> | undefined;
}

interface AttemptEnd {
  readonly task_id: number;
  readonly attempt: number;
  readonly state: AttemptState;
  readonly error: string | null;
}

/** Columns that changes write. */
const WRITTEN = {
  state: 'text',
  ready_at_ms: 'bigint',
  blockers: 'bigint',
  blockers_failed: 'bigint',
  blockers_skipped: 'bigint',
  failures: 'bigint',
  crashes: 'bigint',
  looks: 'bigint',
  first_look_ms: 'bigint',
  past_ms: 'bigint',
  worker: 'text',
  lease_until_ms: 'bigint',
  input_json: 'text',
  output_json: 'text',
  error_json: 'text',
  detail: 'text',
  marked_by: 'text',
  started_at_ms: 'bigint',
  finished_at_ms: 'bigint',
} as const satisfies RowColumns;

type Column = keyof typeof WRITTEN;
const COLUMNS = Object.keys(WRITTEN) as readonly Column[];

/**
 * The changes that one transaction makes to tasks of some runs. The runs are locked first, so that nobody else ends,
 * unlocks or resets tasks of theirs; rows are read once, changed in memory and written together. Every change of state goes
 * through `move` and `moveRun`, which hold to the drawing in model/states.ts.
 *
 * Order of locks everywhere: pipelines, runs by id, tasks by id, pools by name, events. Claims skip what is locked.
 */
export class RunChanges {
  readonly tx: StoreTransaction;
  readonly words: SqlWords;
  readonly #graphs: RunGraphs;
  readonly #runs = new Map<number, ChangingRun>();
  readonly #tasks = new Map<number, TaskInstance>();
  readonly #places = new Map<string, TaskInstance | undefined>();
  readonly #graphOf = new Map<number, RunGraph>();
  #ended: EndedTask[] = [];
  /** Rows that may have changed, as they are in the store. */
  readonly #stored = new Map<TaskInstance, TaskInstance>();
  readonly #touched = new Set<TaskInstance>();
  readonly #changedRuns = new Set<ChangingRun>();
  #attempts: AttemptEnd[] = [];
  #dropped: { readonly task_id: number; readonly attempt: number }[] = [];

  constructor(tx: StoreTransaction, graphs: RunGraphs) {
    this.tx = tx;
    this.words = sqlWords(tx.capabilities);
    this.#graphs = graphs;
  }

  /** Locks the runs and reads them; those that are not there are left out. */
  async lockRuns(ids: Iterable<number>): Promise<void> {
    const { words } = this;
    await this.#takeRuns(
      `select ${RUN_COLUMNS} from runs where id ${words.amongIds('$1')} order by id${words.forUpdate}`,
      listOf(ids),
    );
  }

  /** Locks the runs of these tasks, then the tasks themselves, in the order of their ids. */
  async lockTasks(ids: readonly number[]): Promise<void> {
    const { words } = this;
    const list = words.amongIds('$1');
    const parameter = listOf(ids);
    // Sent together: carried out in this order.
    await together([
      this.#takeRuns(
        `select ${RUN_COLUMNS} from runs where id in (select run_id from tasks where id ${list}) order by id${words.forUpdate}`,
        parameter,
      ),
      this.takeTasks(`select * from tasks where id ${list} order by id${words.forUpdate}`, [parameter]),
    ]);
  }

  /** Locks every task of the run that is no element of a mapped one. */
  async lockTasksOf(runId: number): Promise<readonly TaskInstance[]> {
    return this.takeTasks(
      `select * from tasks where run_id = $1 and map_index = -1 order by id${this.words.forUpdate}`,
      [runId],
    );
  }

  /** Locks the elements of a mapped task. */
  async lockElements(parent: TaskInstance): Promise<readonly TaskInstance[]> {
    return this.takeTasks(
      `select * from tasks where run_id = $1 and task = $2 and map_index >= 0 order by map_index${this.words.forUpdate}`,
      [parent.run_id, parent.task],
    );
  }

  /** Reads the tasks at these places, if their runs have them; their runs are locked already. */
  async loadPlaces(places: readonly Place[]): Promise<void> {
    const missing = new Map<string, { run_id: number; task: string }>();
    for (const { runId, task } of places) {
      const key = placeKey(runId, task);
      if (!this.#places.has(key)) missing.set(key, { run_id: runId, task });
    }
    if (missing.size === 0) return;
    const columns = { run_id: 'bigint', task: 'text' } as const;
    const on = 't.run_id = v.run_id and t.task = v.task and t.map_index = -1';
    await this.takeTasks(`select t.* ${this.words.lookUp(this.words.rows('$1', columns), 'tasks', on)}`, [
      JSON.stringify([...missing.values()]),
    ]);
    for (const key of missing.keys()) if (!this.#places.has(key)) this.#places.set(key, undefined);
  }

  /** Reads whole rows of tasks; what was read before stays as it is in memory. */
  async takeTasks(text: string, values: readonly (string | number | null)[]): Promise<readonly TaskInstance[]> {
    const found = await this.tx.all<TaskInstance>(text, values);
    return found.map((row) => {
      const known = this.#tasks.get(row.id);
      if (known !== undefined) return known;
      this.#tasks.set(row.id, row);
      this.#stored.set(row, { ...row });
      if (row.map_index === -1) this.#places.set(placeKey(row.run_id, row.task), row);
      return row;
    });
  }

  run(id: number): ChangingRun | undefined {
    return this.#runs.get(id);
  }

  /** The run of a task whose runs are locked. */
  runOf(task: TaskInstance): ChangingRun {
    return this.#runs.get(task.run_id)!;
  }

  runs(): Iterable<ChangingRun> {
    return this.#runs.values();
  }

  task(id: number): TaskInstance | undefined {
    return this.#tasks.get(id);
  }

  place(runId: number, task: string): TaskInstance | undefined {
    return this.#places.get(placeKey(runId, task));
  }

  graphOf(run: { readonly id: number }): RunGraph {
    return this.#graphOf.get(run.id)!;
  }

  /** Changes a task's state, keeps the run's counts, and remembers an end for those who wait for it. */
  move(task: TaskInstance, to: TaskState, unchosen?: ReadonlySet<string>): void {
    const from = task.state;
    if (from === to) return;
    if (!taskTransitions[from].includes(to)) throw noWay(`task ${task.task} of run ${task.run_id}`, from, to);
    const run = this.runOf(task);
    run.unfinished += Number(taskEnded(from)) - Number(taskEnded(to));
    run.failures += Number(isFailure(to)) - Number(isFailure(from));
    this.#changedRuns.add(run);
    task.state = to;
    if (to !== 'running') {
      task.worker = null;
      task.lease_until_ms = null;
    }
    if (taskEnded(to)) {
      task.finished_at_ms = this.tx.nowMs;
      if (!taskEnded(from)) this.#ended.push({ task, unchosen });
    } else task.finished_at_ms = null;
    this.#touched.add(task);
  }

  moveRun(run: ChangingRun, to: RunState): void {
    if (!runTransitions[run.state].includes(to)) throw noWay(`run ${run.id}`, run.state, to);
    run.state = to;
    run.finished_at_ms = runEnded(to) ? this.tx.nowMs : null;
    this.#changedRuns.add(run);
  }

  /** Has what changed in the task's row written. */
  touch(task: TaskInstance): void {
    this.#touched.add(task);
  }

  writeRun(run: ChangingRun): void {
    this.#changedRuns.add(run);
  }

  endAttempt(task: TaskInstance, state: AttemptState, error: string | null = null): void {
    this.#attempts.push({ task_id: task.id, attempt: task.attempt, state, error });
  }

  /** Forgets an attempt that came to nothing: a look that saw nothing, work given back unharmed. */
  dropAttempt(task: TaskInstance): void {
    this.#dropped.push({ task_id: task.id, attempt: task.attempt });
  }

  /** The tasks that have ended since this was asked last. */
  takeEnded(): readonly EndedTask[] {
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  /** Writes the tasks: one statement for all rows in which the same columns changed, so that few indexes are gone through. */
  flushTasks(): void {
    const { tx, words } = this;
    const groups = new Map<string, { readonly columns: readonly Column[]; readonly rows: Record<string, unknown>[] }>();
    for (const task of this.#touched) {
      const stored = this.#stored.get(task)!;
      const columns = COLUMNS.filter((name) => task[name] !== stored[name]);
      if (columns.length === 0) continue;
      const key = columns.join();
      const group = groups.get(key) ?? { columns, rows: [] };
      groups.set(key, group);
      const row: Record<string, unknown> = { id: task.id };
      for (const name of columns) row[name] = task[name];
      group.rows.push(row);
      this.#stored.set(task, { ...task });
    }
    this.#touched.clear();
    for (const { columns, rows } of groups.values()) {
      const types = Object.fromEntries(columns.map((name) => [name, WRITTEN[name]]));
      tx.send(
        `update tasks set ${columns.map((name) => `${name} = v.${name}`).join(', ')}
         from ${words.rows('$1', { ...ID, ...types })} where tasks.id = v.id${words.narrow('tasks.id', '$1', 'id')}`,
        [JSON.stringify(rows)],
      );
    }
    this.#flushAttempts();
  }

  flushRuns(): void {
    if (this.#changedRuns.size === 0) return;
    const columns: RowColumns = {
      ...ID,
      state: 'text',
      started_at_ms: 'bigint',
      finished_at_ms: 'bigint',
      unfinished: 'bigint',
      failures: 'bigint',
      error_json: 'text',
    };
    // The holder of a run that has ended holds nothing any more.
    this.tx.send(
      `update runs set state = v.state, started_at_ms = v.started_at_ms, finished_at_ms = v.finished_at_ms,
         unfinished = v.unfinished, failures = v.failures, error_json = v.error_json,
         holder = case when v.finished_at_ms is null then holder end,
         holder_until_ms = case when v.finished_at_ms is null then holder_until_ms end
       from ${this.words.rows('$1', columns)} where runs.id = v.id${this.words.narrow('runs.id', '$1', 'id')}`,
      [
        JSON.stringify(
          [...this.#changedRuns].map(
            ({ id, state, started_at_ms, finished_at_ms, unfinished, failures, error_json }) => ({
              id,
              state,
              started_at_ms,
              finished_at_ms,
              unfinished,
              failures,
              error_json,
            }),
          ),
        ),
      ],
    );
    this.#changedRuns.clear();
  }

  #flushAttempts(): void {
    const { tx, words } = this;
    const key: RowColumns = { task_id: 'bigint', attempt: 'bigint' };
    if (this.#attempts.length > 0) {
      tx.send(
        `update attempts set state = v.state, error_json = v.error, finished_at_ms = $2
         from ${words.rows('$1', { ...key, state: 'text', error: 'text' })}
         where attempts.task_id = v.task_id and attempts.attempt = v.attempt${words.narrow('attempts.task_id', '$1', 'task_id')}`,
        [JSON.stringify(this.#attempts), tx.nowMs],
      );
    }
    if (this.#dropped.length > 0) {
      tx.send(
        `delete from attempts where (task_id, attempt) in (select task_id, attempt from ${words.rows('$1', key)})${words.narrow('task_id', '$1', 'task_id')}`,
        [JSON.stringify(this.#dropped)],
      );
    }
    this.#attempts = [];
    this.#dropped = [];
  }

  async #takeRuns(text: string, parameter: string): Promise<void> {
    for (const run of await this.tx.all<ChangingRun>(text, [parameter])) {
      if (this.#runs.has(run.id)) continue;
      this.#runs.set(run.id, run);
      this.#graphOf.set(run.id, await this.#graphs.of(this.tx, run.pipeline, run.version));
    }
  }
}

function placeKey(runId: number, task: string): string {
  return `${runId} ${task}`;
}

function isFailure(state: TaskState): boolean {
  return state === 'failed' || state === 'upstream_failed';
}

function noWay(what: string, from: string, to: string): SparkifyError {
  return new SparkifyError('INTERNAL', { detail: `${what} cannot go from ${from} to ${to}` });
}
