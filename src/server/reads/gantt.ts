import type { StoreReader } from '../../orchestrator/store/store.ts';
import type { StoredRun } from '../../orchestrator/store/tables.ts';
import type { Answer, Call } from '../api.ts';
import type { Graphs } from './graphs.ts';
import { findRun } from './runs.ts';

/** Of so many earlier successes a usual duration is taken. */
const SAMPLE = 20;

type Bar = Answer<'getGantt'>['bars'][number];

/** When each task of a run was at work, how long it usually takes, and which tasks decided when the run ended. */
export async function getGantt(graphs: Graphs, call: Call<'getGantt'>): Promise<Answer<'getGantt'>> {
  const { store, params, nowMs } = call;
  const { db } = store;
  const run = await findRun(db, params.run);
  const declared = await graphs.tasksOf(db, run.pipeline, run.version);
  const tasks = await db
    .selectFrom('tasks')
    .select(['id', 'task', 'state'])
    .where('run_id', '=', run.id)
    .where('map_index', '=', -1)
    .orderBy('id')
    .execute();
  const attempts = await db
    .selectFrom('attempts')
    .innerJoin('tasks', 'tasks.id', 'attempts.task_id')
    .select([
      'attempts.task_id',
      'attempts.attempt',
      'attempts.state',
      'attempts.started_at_ms',
      'attempts.finished_at_ms',
    ])
    .where('attempts.run_id', '=', run.id)
    .where('tasks.map_index', '=', -1)
    .orderBy('attempts.attempt')
    .execute();
  const elements = await elementSpans(db, run.id);
  const usual = await usualDurations(db, run);
  const bars = tasks.map(
    (t): Bar => ({
      task: t.task,
      group: declared.get(t.task)?.group ?? null,
      state: t.state,
      usualMs: usual.get(t.task) ?? null,
      attempts: attempts
        .filter((a) => a.task_id === t.id)
        .map((a) => ({ attempt: a.attempt, state: a.state, startMs: a.started_at_ms, endMs: a.finished_at_ms })),
      elements: elements.get(t.task) ?? null,
    }),
  );
  return {
    run: run.id,
    startMs: run.started_at_ms ?? run.created_at_ms,
    endMs: run.finished_at_ms ?? nowMs,
    bars,
    criticalPath: criticalPath(bars, (task) => declared.get(task)?.after ?? []),
  };
}

async function elementSpans(
  db: StoreReader,
  runId: number,
): Promise<ReadonlyMap<string, NonNullable<Bar['elements']>>> {
  const rows = await db
    .selectFrom('tasks')
    .select((eb) => [
      'task',
      eb.fn.countAll().as('n'),
      eb.fn.min('started_at_ms').as('startMs'),
      eb.fn.max('finished_at_ms').as('endMs'),
      eb.fn.count('finished_at_ms').as('finished'),
    ])
    .where('run_id', '=', runId)
    .where('map_index', '>=', 0)
    .groupBy('task')
    .execute();
  return new Map(
    rows.map((r) => [
      r.task,
      {
        count: Number(r.n),
        startMs: r.startMs === null ? null : Number(r.startMs),
        endMs: r.endMs === null || Number(r.finished) < Number(r.n) ? null : Number(r.endMs),
      },
    ]),
  );
}

/** Medians over the latest runs of the pipeline that succeeded, this one left out. */
async function usualDurations(db: StoreReader, run: StoredRun): Promise<ReadonlyMap<string, number>> {
  const runs = await db
    .selectFrom('runs')
    .select('id')
    .where('pipeline', '=', run.pipeline)
    .where('state', '=', 'succeeded')
    .where('id', '<>', run.id)
    .orderBy('id', 'desc')
    .limit(SAMPLE)
    .execute();
  const rows = await db
    .selectFrom('tasks')
    .select(['task', 'started_at_ms', 'finished_at_ms'])
    .where('run_id', 'in', [...runs.map((r) => r.id), -1])
    .where('map_index', '=', -1)
    .where('state', '=', 'succeeded')
    .where('started_at_ms', 'is not', null)
    .where('finished_at_ms', 'is not', null)
    .execute();
  const durations = new Map<string, number[]>();
  for (const r of rows) durations.set(r.task, [...(durations.get(r.task) ?? []), r.finished_at_ms! - r.started_at_ms!]);
  return new Map([...durations].map(([task, all]) => [task, median(all)]));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : Math.round((sorted[middle - 1]! + sorted[middle]!) / 2);
}

/** From the task that ended last back over whatever before each ended last. */
export function criticalPath(
  bars: readonly Pick<Bar, 'task' | 'attempts' | 'elements'>[],
  after: (task: string) => readonly string[],
): readonly string[] {
  const ends = new Map<string, number>();
  for (const bar of bars) {
    const last = Math.max(...bar.attempts.map((a) => a.endMs ?? a.startMs), bar.elements?.endMs ?? 0);
    if (last > 0) ends.set(bar.task, last);
  }
  const latest = (names: readonly string[]): string | undefined =>
    names.reduce<string | undefined>((best, name) => {
      const end = ends.get(name);
      return end !== undefined && (best === undefined || end > ends.get(best)!) ? name : best;
    }, undefined);
  const path: string[] = [];
  for (let at = latest([...ends.keys()]); at !== undefined; at = latest(after(at))) path.unshift(at);
  return path;
}
