import { sql } from 'kysely';
import type { Clock } from '../../core/clock.ts';
import { type SparkifyError, toSparkifyError } from '../../core/errors.ts';
import { dueIntervals } from '../../pipeline/due.ts';
import type { Interval } from '../../pipeline/interval.ts';
import { createRuns } from '../runs/create-run.ts';
import type { RunGraphs } from '../runs/run-graph.ts';
import { listOf, sqlWords } from '../runs/sql-words.ts';
import type { Store, StoreReader, StoreTransaction } from '../store/store.ts';
import type { PipelineRow } from '../store/tables.ts';
import { type KnownSchedule, KnownSchedules } from './known-schedules.ts';

/** Runs of a schedule; a person's go first, a backfill's last. */
export const SCHEDULED_PRIORITY = 10;

/**
 * Scheduled runs of a pipeline that wait to begin, at most: a long past becomes runs little by little, as those before it
 * begin, so that it fills neither the store nor a screen. What is not made yet is remembered by `scheduled_to_ms` alone.
 */
export const MAX_QUEUED = 200;

/** A pipeline whose runs cannot be made is tried again so often. */
const AFTER_ERROR_MS = 10_000;

type Scheduled = Pick<PipelineRow, 'name' | 'version' | 'scheduled_to_ms' | 'error_json'>;

/**
 * Makes runs of the intervals that have come due. Two schedulers at once do no harm: an interval has one scheduled run.
 * @returns in how many milliseconds the next interval comes due; undefined: none does until the store changes
 */
export type ScheduleStep = () => Promise<number | undefined>;

/** @param clock that of the store, as far as this process knows it: it spares transactions, the store's own decides */
export function createScheduleStep(store: Store, graphs: RunGraphs, clock: Clock): ScheduleStep {
  const schedules = new KnownSchedules();
  const notBefore = new Map<string, number>();
  return async () => {
    const pipelines = await store.db
      .selectFrom('pipelines')
      .select(['name', 'version', 'scheduled_to_ms', 'error_json'])
      .where('state', '=', 'active')
      .where('paused', '=', 0)
      .orderBy('name')
      .execute();
    let earliestMs: number | undefined;
    for (const pipeline of pipelines) {
      const nextMs = await scheduleOne(pipeline);
      if (nextMs !== undefined && (earliestMs === undefined || nextMs < earliestMs)) earliestMs = nextMs;
    }
    return earliestMs === undefined ? undefined : Math.max(0, earliestMs - clock.nowMs());
  };

  /** When it wants to be looked at again; what keeps the runs of one pipeline from being made keeps nobody else back. */
  async function scheduleOne(pipeline: Scheduled): Promise<number | undefined> {
    const { name, version, scheduled_to_ms: scheduledToMs, error_json: error } = pipeline;
    const nowMs = clock.nowMs();
    const waitMs = error === null ? undefined : notBefore.get(`${name} ${version}`);
    if (waitMs !== undefined && waitMs > nowMs) return waitMs;
    try {
      const known = await schedules.of(store.db, name, version);
      if (known === undefined) return undefined;
      if (scheduledToMs !== null && error === null) {
        const nextMs = known.nextDueMs(scheduledToMs);
        if (nextMs === undefined || nextMs > nowMs) return nextMs;
      }
      if ((await roomFor(store.db, name, known)) <= 0) return undefined;
      return await store.write((tx) => makeRuns(tx, graphs, known, pipeline));
    } catch (thrown) {
      const told = toSparkifyError(thrown);
      // The store's own troubles are everybody's.
      if (told.exitCode === 4) throw thrown;
      await noteError(store, pipeline, told);
      notBefore.set(`${name} ${version}`, nowMs + AFTER_ERROR_MS);
      return nowMs + AFTER_ERROR_MS;
    }
  }
}

/** How many runs may be made; 0 until half of those that wait have begun, so that they are made in batches. */
async function roomFor(db: StoreReader, pipeline: string, { schedule }: KnownSchedule): Promise<number> {
  // `latest` and `none` make one run at a time, and would pass over what they do not make.
  if (schedule.missed !== 'all') return MAX_QUEUED;
  const { rows } = await sql<{ queued: number }>`
    select count(*) as queued from runs
    where pipeline = ${pipeline} and kind = 'scheduled' and state = 'queued'`.execute(db);
  const queued = Number(rows[0]!.queued);
  return queued > MAX_QUEUED / 2 ? 0 : MAX_QUEUED - queued;
}

/** When the next interval comes due, or undefined: when the store changes. */
async function makeRuns(
  tx: StoreTransaction,
  graphs: RunGraphs,
  known: KnownSchedule,
  { name, version, error_json: error }: Scheduled,
): Promise<number | undefined> {
  const { schedule, grid } = known;
  const lock = tx.capabilities.skipLocked ? ' for update' : '';
  const [row] = await tx.all<Scheduled>(
    `select scheduled_to_ms from pipelines
     where name = $1 and version = $2 and state = 'active' and paused = 0${lock}`,
    [name, version],
  );
  // It changed since it was looked at; the change brings the next step.
  if (row === undefined) return undefined;
  const { nowMs } = tx;
  // Counted again behind the lock: another scheduler may just have made them.
  const limit = await roomFor(tx.db, name, known);
  if (limit <= 0) return undefined;
  const due = dueIntervals(schedule, { scheduledToMs: row.scheduled_to_ms, nowMs, limit }, grid);
  const nextMs = known.nextDueMs(due.scheduledToMs);
  if (due.create.length > 0) await makeEach(tx, graphs, { name, version }, due.create, nextMs);
  if (due.scheduledToMs !== row.scheduled_to_ms || error !== null)
    await tx.run('update pipelines set scheduled_to_ms = $2, error_json = null where name = $1', [
      name,
      due.scheduledToMs,
    ]);
  if (error !== null) tx.emit({ type: 'pipeline.back', pipeline: name, was: 'broken' });
  // More are due, but those that wait come first; their beginning is a change.
  return due.create.length >= limit ? undefined : nextMs;
}

async function makeEach(
  tx: StoreTransaction,
  graphs: RunGraphs,
  { name, version }: { readonly name: string; readonly version: string },
  intervals: readonly Interval[],
  nextMs: number | undefined,
): Promise<void> {
  const { graph } = await graphs.of(tx, name, version);
  const ids = await createRuns(
    tx,
    intervals.map((interval) => ({
      graph,
      kind: 'scheduled' as const,
      interval,
      request: { params: {} },
      priority: SCHEDULED_PRIORITY,
      dueAtMs: interval.endMs,
      requestedBy: 'schedule',
    })),
  );
  if (graph.deadlineMs === undefined) return;
  // After a long silence one alarm is enough: the newest run tells it, the older ones are late without a word.
  const newestIsDue = nextMs === undefined || nextMs > tx.nowMs;
  await tx.run(
    `update runs set late = 1
     where id ${sqlWords(tx.capabilities).amongIds('$1')} and late = 0 and deadline_ms <= $2 and state = 'queued'`,
    [listOf(newestIsDue ? ids.slice(0, -1) : ids), tx.nowMs],
  );
}

/** Told once; the pipeline is not `broken`, for its runs that were made before, and those of persons, are its own matter. */
async function noteError(
  store: Store,
  { name, version }: Scheduled,
  { code, message, remedy }: SparkifyError,
): Promise<void> {
  const json = JSON.stringify({ code, message, remedy });
  await store.write(async (tx) => {
    const changed = await tx.run(
      `update pipelines set error_json = $3
       where name = $1 and version = $2 and state = 'active' and (error_json is null or error_json <> $3)`,
      [name, version, json],
    );
    if (changed > 0) tx.emit({ type: 'pipeline.broken', pipeline: name, error: { code, message } });
  });
}
