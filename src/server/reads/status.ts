import { runEnded } from '../../orchestrator/model/states.ts';
import type { StoreReader } from '../../orchestrator/store/store.ts';
import type { PipelineRow, StoredRun } from '../../orchestrator/store/tables.ts';
import { formatInstant, formatInterval } from '../../pipeline/interval.ts';
import type { Answer, Call } from '../api.ts';
import { type Failure, failureOf } from './failure.ts';
import { type Graphs, pipelineUnknown } from './graphs.ts';
import { backfillConcerns, pausedConcerns } from './held-back.ts';
import { nextRun } from './pipelines.ts';
import { staleConcerns } from './stale.ts';
import { waitingConcerns } from './waiting.ts';
import { schedulerHeartbeat, someWorkerLives } from './workers.ts';

export type Status = Answer<'getStatus'>;
export type Concern = Status['failing'][number];

/** Of a pipeline so many runs are looked at; what failed longer ago is history. */
const LOOKED_AT = 500;
/** Of each kind of concern so many are told. */
const TOLD = 100;

type RecentRun = Pick<
  StoredRun,
  | 'id'
  | 'pipeline'
  | 'kind'
  | 'state'
  | 'start_ms'
  | 'end_ms'
  | 'created_at_ms'
  | 'started_at_ms'
  | 'finished_at_ms'
  | 'deadline_ms'
  | 'late'
  | 'error_json'
>;

/** How the project is, in one sentence and in lists, each thing with its reason. */
export async function getStatus(graphs: Graphs, call: Call<'getStatus'>): Promise<Status> {
  const { store, query, nowMs } = call;
  const { db } = store;
  const pipelines = await pipelinesOf(db, query.pipeline);
  const recent = (await Promise.all(pipelines.map((p) => recentRuns(db, p.name)))).flat();
  const failing = [...pipelines.flatMap(brokenConcern), ...failedRuns(recent)];
  const late = recent.filter((r) => isLate(r, nowMs)).map((r) => lateConcern(r));
  const stale = (await Promise.all(pipelines.map((p) => staleConcerns(db, p, nowMs)))).flat();
  const names = pipelines.map((p) => p.name);
  const runsWaiting = await waitingConcerns(db, names, nowMs);
  const held = new Set(runsWaiting.map((c) => c.run));
  const running = recent
    .filter((r) => (r.state === 'running' || r.state === 'cancelling') && !held.has(r.id))
    .map(runningConcern);
  const next = await nextRuns(db, graphs, pipelines, nowMs);
  const paused = await pausedConcerns(db, graphs, pipelines);
  const waiting = [...runsWaiting, ...(await backfillConcerns(db, names)), ...paused];
  const active = recent.some((r) => !runEnded(r.state));
  const error = await absence(db, { scheduled: next.length > 0, active, nowMs });
  const level = failing.length > 0 ? 'failing' : late.length + stale.length > 0 || error !== null ? 'attention' : 'ok';
  const lists = { failing, late, stale, running, waiting };
  return {
    level,
    sentence: sentence(lists, pipelines.length, next, error),
    atMs: nowMs,
    ...Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list.slice(0, TOLD)])),
    next,
    error,
  } as Status;
}

async function pipelinesOf(db: StoreReader, name: string | undefined): Promise<readonly PipelineRow[]> {
  const rows = db.selectFrom('pipelines').selectAll();
  if (name === undefined) return rows.where('state', '<>', 'gone').orderBy('name').execute();
  const found = await rows.where('name', '=', name).execute();
  if (found.length === 0) throw await pipelineUnknown(db, name);
  return found;
}

async function recentRuns(db: StoreReader, pipeline: string): Promise<readonly RecentRun[]> {
  return db
    .selectFrom('runs')
    .select([
      'id',
      'pipeline',
      'kind',
      'state',
      'start_ms',
      'end_ms',
      'created_at_ms',
      'started_at_ms',
      'finished_at_ms',
      'deadline_ms',
      'late',
      'error_json',
    ])
    .where('pipeline', '=', pipeline)
    .orderBy('id', 'desc')
    .limit(LOOKED_AT)
    .execute();
}

function brokenConcern(row: PipelineRow): readonly Concern[] {
  const failure = failureOf(row.error_json);
  if (row.state !== 'broken') return [];
  return [
    {
      pipeline: row.name,
      run: null,
      task: null,
      sinceMs: row.updated_at_ms,
      why: failure?.message ?? 'Its definition cannot be loaded.',
      remedy: failure?.remedy ?? null,
    },
  ];
}

/** Runs that failed and whose interval no later run has done; newest first, as they come. */
function failedRuns(runs: readonly RecentRun[]): readonly Concern[] {
  const done: RecentRun[] = [];
  const concerns: Concern[] = [];
  for (const run of runs) {
    if (run.state === 'succeeded') done.push(run);
    const repaired = done.some(
      (d) => d.pipeline === run.pipeline && d.start_ms <= run.start_ms && d.end_ms >= run.end_ms,
    );
    if (run.state !== 'failed' || repaired) continue;
    const failure = failureOf(run.error_json);
    concerns.push({
      pipeline: run.pipeline,
      run: run.id,
      task: null,
      sinceMs: run.finished_at_ms,
      why: failure?.message ?? 'A task failed.',
      remedy: failure?.remedy ?? `sparkify runs show ${run.id}`,
    });
  }
  return concerns;
}

function isLate(run: RecentRun, nowMs: number): boolean {
  return !runEnded(run.state) && (run.late === 1 || (run.deadline_ms !== null && run.deadline_ms < nowMs));
}

function lateConcern(run: RecentRun): Concern {
  return {
    pipeline: run.pipeline,
    run: run.id,
    task: null,
    sinceMs: run.deadline_ms,
    why:
      run.deadline_ms === null
        ? `${formatInterval(intervalOf(run))} is late.`
        : `${formatInterval(intervalOf(run))} was to be done by ${formatInstant(run.deadline_ms)}.`,
    remedy: `sparkify runs show ${run.id}`,
  };
}

function runningConcern(run: RecentRun): Concern {
  return {
    pipeline: run.pipeline,
    run: run.id,
    task: null,
    sinceMs: run.started_at_ms,
    why: `${formatInterval(intervalOf(run))} ${run.state === 'cancelling' ? 'is being cancelled' : 'is under way'}.`,
    remedy: null,
  };
}

async function nextRuns(
  db: StoreReader,
  graphs: Graphs,
  pipelines: readonly PipelineRow[],
  nowMs: number,
): Promise<Status['next']> {
  const next: Status['next'][number][] = [];
  for (const row of pipelines) {
    const graph = await graphs.find(db, row.name, row.version);
    const found = graph === undefined ? null : nextRun(row, graph, nowMs);
    if (found !== null) next.push({ pipeline: row.name, ...found });
  }
  return next.sort((a, b) => a.dueAtMs - b.dueAtMs);
}

/** Nobody is there who would do what there is to do. */
async function absence(
  db: StoreReader,
  { scheduled, active, nowMs }: { readonly scheduled: boolean; readonly active: boolean; readonly nowMs: number },
): Promise<Failure | null> {
  if (!scheduled && !active) return null;
  const { alive } = await schedulerHeartbeat(db, nowMs);
  if (alive || (!scheduled && (await someWorkerLives(db, nowMs)))) return null;
  return {
    code: 'NO_SCHEDULER',
    message: scheduled
      ? 'No `sparkify up` runs, so no schedule makes a run.'
      : 'No `sparkify up` runs, so nothing gets on.',
    remedy: 'Start it: sparkify up',
  };
}

function sentence(
  {
    failing,
    late,
    stale,
    running,
    waiting,
  }: Readonly<Record<'failing' | 'late' | 'stale' | 'running' | 'waiting', readonly Concern[]>>,
  pipelines: number,
  next: Status['next'],
  error: Failure | null,
): string {
  const names = (concerns: readonly Concern[]): string => {
    const all = [...new Set(concerns.map((c) => c.pipeline))];
    return all.length > 3 ? `${all.slice(0, 3).join(', ')} and ${all.length - 3} more` : all.join(', ');
  };
  if (pipelines === 0) return 'The store knows no pipeline yet.';
  const bad = [
    ...(failing.length === 0 ? [] : [`failing: ${names(failing)}`]),
    ...(late.length === 0 ? [] : [`late: ${names(late)}`]),
    ...(stale.length === 0 ? [] : [`stale: ${names(stale)}`]),
  ];
  const queued = waiting.filter((concern) => concern.run !== null).length;
  const busy = [
    ...(running.length === 0 ? [] : [`${running.length} under way`]),
    ...(queued === 0 ? [] : [`${queued} waiting`]),
    ...(queued === waiting.length ? [] : [`${waiting.length - queued} held back`]),
  ];
  const soon = next[0];
  const calm =
    soon === undefined ? 'Nothing is scheduled' : `Next is ${soon.pipeline} at ${formatInstant(soon.dueAtMs)}`;
  const parts = [
    bad.length === 0 ? (error === null ? 'All is well' : '') : capital(bad.join('; ')),
    error === null ? '' : error.message.replace(/\.$/u, ''),
    busy.length > 0 ? busy.join(', ') : error === null ? calm : '',
  ];
  return `${parts.filter((part) => part !== '').join('. ')}.`;
}

function intervalOf(run: RecentRun): { readonly startMs: number; readonly endMs: number } {
  return { startMs: run.start_ms, endMs: run.end_ms };
}

function capital(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}
