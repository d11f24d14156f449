import type { RunRequest } from '../model/run-request.ts';
import type { TaskState } from '../model/states.ts';
import type { ChangingRun, RunChanges } from './run-changes.ts';
import { judgeRun } from './run-outcome.ts';
import { ID, listOf } from './sql-words.ts';

interface Rest {
  readonly id: number;
  readonly request_json: string;
  readonly report_json: string | null;
}

interface EndState {
  readonly run_id: number;
  readonly task: string;
  readonly state: TaskState;
  readonly error_json: string | null;
  readonly detail: string | null;
}

/** Ends the runs that have no unfinished task: their outcome, the cells they stand for, the cells of their backfill. */
export async function finishRuns(changes: RunChanges): Promise<void> {
  const done = [...changes.runs()].filter(
    (run) => run.unfinished === 0 && (run.state === 'running' || run.state === 'cancelling'),
  );
  if (done.length === 0) return;
  const { tx, words } = changes;
  const parameter = listOf(done.map(({ id }) => id));
  const among = words.amongIds('$1');
  const rest = new Map(
    (await tx.all<Rest>(`select id, request_json, report_json from runs where id ${among}`, [parameter])).map((r) => [
      r.id,
      r,
    ]),
  );
  const bad = await tx.all<EndState>(
    `select run_id, task, state, error_json, detail from tasks
     where run_id ${among} and map_index = -1 and state in ('failed', 'upstream_failed', 'cancelled')`,
    [parameter],
  );
  const judged = await endStates(changes, bad);
  for (const run of done) end(changes, run, judged.get(run.id) ?? [], rest.get(run.id)!);
  await tellBackfills(
    changes,
    done.filter((run) => run.backfill_id !== null),
  );
  const kept = done.filter((run) => (JSON.parse(rest.get(run.id)!.request_json) as RunRequest).dryRun !== true);
  for (const round of apart(kept)) await writeCells(changes, round);
}

/** All tasks of the runs in which something went wrong. */
async function endStates(
  changes: RunChanges,
  bad: readonly EndState[],
): Promise<ReadonlyMap<number, readonly EndState[]>> {
  const byRun = new Map<number, EndState[]>();
  if (bad.length === 0) return byRun;
  const { tx, words } = changes;
  const rows = await tx.all<EndState>(
    `select run_id, task, state, error_json, detail from tasks
     where run_id ${words.amongIds('$1')} and map_index = -1`,
    [listOf(new Set(bad.map((row) => row.run_id)))],
  );
  for (const row of rows) {
    const list = byRun.get(row.run_id);
    if (list === undefined) byRun.set(row.run_id, [row]);
    else list.push(row);
  }
  return byRun;
}

function end(changes: RunChanges, run: ChangingRun, tasks: readonly EndState[], rest: Rest): void {
  const { tx } = changes;
  const { pipeline, id: runId } = run;
  const outcome = judgeRun(changes.graphOf(run), new Map(tasks.map((t) => [t.task, t.state])));
  const durationMs = Math.max(0, tx.nowMs - (run.started_at_ms ?? tx.nowMs));
  changes.moveRun(run, outcome.state);
  switch (outcome.state) {
    case 'succeeded': {
      run.error_json = null;
      const report = rest.report_json === null ? undefined : (JSON.parse(rest.report_json) as { outcome?: string });
      tx.emit({ type: 'run.succeeded', pipeline, runId, durationMs, outcome: report?.outcome });
      return;
    }
    case 'failed': {
      const culprit = tasks.find((t) => t.task === outcome.culprit);
      const error = failureOf(outcome.culprit!, culprit);
      run.error_json = JSON.stringify(error);
      tx.emit({ type: 'run.failed', pipeline, runId, durationMs, error: { code: error.code, message: error.message } });
      return;
    }
    case 'cancelled':
      tx.emit({ type: 'run.cancelled', pipeline, runId, by: cancelledBy(run) });
  }
}

function failureOf(task: string, row: EndState | undefined): { code: string; message: string; remedy: string } {
  const error =
    row?.error_json == null
      ? { code: 'TASK_FAILED', message: row?.detail ?? 'it failed', remedy: '' }
      : (JSON.parse(row.error_json) as { code: string; message: string; remedy: string });
  return { code: error.code, message: `${task}: ${error.message}`, remedy: error.remedy };
}

/** Who asked for the end, as `cancelRun` left it in the run's row. */
function cancelledBy(run: ChangingRun): string {
  if (run.error_json === null) return 'the worker';
  return (JSON.parse(run.error_json) as { by?: string }).by ?? 'unknown';
}

async function tellBackfills(changes: RunChanges, runs: readonly ChangingRun[]): Promise<void> {
  if (runs.length === 0) return;
  const { tx, words } = changes;
  await tx.run(
    `update backfill_cells set state = v.state from ${words.rows('$1', { ...ID, state: 'text' })}
     where backfill_cells.run_id = v.id${words.narrow('backfill_cells.run_id', '$1', 'id')}`,
    [JSON.stringify(runs.map(({ id, state }) => ({ id, state })))],
  );
}

/**
 * Records the outcome of every task for every cell of the runs. What was cancelled before it began says nothing about its
 * cell, and no cancelled one takes a success away: the cell is as it was.
 */
async function writeCells(changes: RunChanges, runs: readonly ChangingRun[]): Promise<void> {
  const { tx, words } = changes;
  await tx.run(
    `insert into cells (pipeline, task, start_ms, end_ms, state, run_id, semantic_version, at_ms, reason)
     select t.pipeline, t.task, coalesce(c.start_ms, r.start_ms), coalesce(c.end_ms, r.end_ms),
       case when t.state = 'upstream_failed' then 'failed' else t.state end, r.id, p.semantic_version, cast($2 as bigint),
       case when t.state <> 'succeeded' then t.detail end
     from runs r
     join tasks t on t.run_id = r.id and t.map_index = -1 and t.run_id ${words.amongIds('$1')}
     join pipeline_versions p on p.pipeline = r.pipeline and p.version = r.version
     left join run_cells c on c.run_id = r.id and c.run_id ${words.amongIds('$1')}
     where r.id ${words.amongIds('$1')} and (t.state <> 'cancelled' or t.attempt > 0)
     order by 1, 2, 3, 4
     on conflict (pipeline, task, start_ms, end_ms) do update set
       state = excluded.state, run_id = excluded.run_id, semantic_version = excluded.semantic_version,
       at_ms = excluded.at_ms, reason = excluded.reason
     where excluded.state <> 'cancelled' or cells.state <> 'succeeded'`,
    [listOf(runs.map(({ id }) => id)), tx.nowMs],
  );
}

/** Groups of runs that share no cell, in their order: one statement cannot write a cell twice. */
function apart(runs: readonly ChangingRun[]): readonly (readonly ChangingRun[])[] {
  const groups: { readonly runs: ChangingRun[]; readonly lastEnd: Map<string, number> }[] = [];
  const sorted = [...runs].sort((a, b) => a.start_ms - b.start_ms || a.id - b.id);
  for (const run of sorted) {
    const free = groups.find((g) => (g.lastEnd.get(run.pipeline) ?? Number.NEGATIVE_INFINITY) <= run.start_ms);
    const group = free ?? { runs: [], lastEnd: new Map<string, number>() };
    if (free === undefined) groups.push(group);
    group.runs.push(run);
    group.lastEnd.set(run.pipeline, Math.max(run.end_ms, run.start_ms + 1));
  }
  return groups.map((g) => g.runs);
}
