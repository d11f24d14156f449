import type { Clock } from '../../core/clock.ts';
import { isSparkifyError, type SparkifyError } from '../../core/errors.ts';
import { dueIntervals, nextDueMs } from '../../pipeline/due.ts';
import type { GraphSchedule, PipelineGraph } from '../../pipeline/graph.ts';
import { gridOf, type IntervalGrid } from '../../pipeline/interval-grid.ts';
import { createRuns } from '../runs/create-run.ts';
import type { RunGraphs } from '../runs/run-graph.ts';
import type { Store } from '../store/store.ts';
import type { PipelineRow } from '../store/tables.ts';

/** Runs of a schedule; a person's go first, a backfill's last. */
export const SCHEDULED_PRIORITY = 10;

/** Intervals that become runs in one transaction; what is left comes at once after it. */
const AT_ONCE = 200;
/** A pipeline whose runs cannot be made is tried again so often. */
const AFTER_ERROR_MS = 60_000;
/** Grids of versions that are no longer in force. */
const MAX_GRIDS = 1000;

type Scheduled = Pick<PipelineRow, 'name' | 'version' | 'scheduled_to_ms' | 'error_json'>;

/**
 * Makes runs of the intervals that have come due. Two schedulers at once do no harm: an interval has one scheduled run.
 * @returns in how many milliseconds the next interval comes due; undefined: none does until a pipeline changes
 */
export type ScheduleStep = () => Promise<number | undefined>;

export function createScheduleStep(store: Store, graphs: RunGraphs, clock: Clock): ScheduleStep {
  const grids = new KnownGrids(store);
  return async () => {
    const pipelines = await store.db
      .selectFrom('pipelines')
      .select(['name', 'version', 'scheduled_to_ms', 'error_json'])
      .where('state', '=', 'active')
      .where('paused', '=', 0)
      .orderBy('name')
      .execute();
    let earliest: number | undefined;
    for (const pipeline of pipelines) {
      const known = await grids.of(pipeline.name, pipeline.version);
      if (known === undefined) continue;
      const inMs = notYetDue(known, pipeline, clock.nowMs()) ?? (await makeRuns(store, graphs, known, pipeline));
      if (inMs !== undefined && inMs !== Number.POSITIVE_INFINITY && (earliest === undefined || inMs < earliest))
        earliest = inMs;
    }
    return earliest;
  };
}

interface KnownGrid {
  readonly schedule: GraphSchedule;
  readonly grid: IntervalGrid;
}

/** Schedules of versions with their grids, read once; a version without a schedule has none. */
class KnownGrids {
  readonly #store: Store;
  readonly #known = new Map<string, KnownGrid | undefined>();

  constructor(store: Store) {
    this.#store = store;
  }

  async of(pipeline: string, version: string): Promise<KnownGrid | undefined> {
    const key = `${pipeline}\n${version}`;
    if (this.#known.has(key)) return this.#known.get(key);
    const row = await this.#store.db
      .selectFrom('pipeline_versions')
      .select('graph_json')
      .where('pipeline', '=', pipeline)
      .where('version', '=', version)
      .executeTakeFirst();
    const schedule = row === undefined ? undefined : (JSON.parse(row.graph_json) as PipelineGraph).schedule;
    const found = schedule === undefined ? undefined : { schedule, grid: gridOf(schedule) };
    if (this.#known.size >= MAX_GRIDS) this.#known.clear();
    this.#known.set(key, found);
    return found;
  }
}

/** Spares a transaction: how long nothing is due, as far as this process's clock and the last look say. */
function notYetDue({ schedule, grid }: KnownGrid, pipeline: Scheduled, nowMs: number): number | undefined {
  if (pipeline.scheduled_to_ms === null || pipeline.error_json !== null) return undefined;
  const nextMs = nextDueMs(schedule, pipeline.scheduled_to_ms, grid);
  if (nextMs === undefined) return Number.POSITIVE_INFINITY;
  return nextMs > nowMs ? nextMs - nowMs : undefined;
}

async function makeRuns(
  store: Store,
  graphs: RunGraphs,
  { schedule, grid }: KnownGrid,
  { name, version, error_json: error }: Scheduled,
): Promise<number | undefined> {
  try {
    return await store.write(async (tx) => {
      const lock = tx.capabilities.skipLocked ? ' for update' : '';
      const [row] = await tx.all<Scheduled>(
        `select scheduled_to_ms from pipelines where name = $1 and version = $2 and state = 'active' and paused = 0${lock}`,
        [name, version],
      );
      // It changed since it was looked at; the change brings the next step.
      if (row === undefined) return undefined;
      const { nowMs } = tx;
      const due = dueIntervals(schedule, { scheduledToMs: row.scheduled_to_ms, nowMs, limit: AT_ONCE }, grid);
      if (due.create.length > 0) {
        const { graph } = await graphs.of(tx, name, version);
        await createRuns(
          tx,
          due.create.map((interval) => ({
            graph,
            kind: 'scheduled' as const,
            interval,
            request: { params: {} },
            priority: SCHEDULED_PRIORITY,
            dueAtMs: interval.endMs,
            requestedBy: 'schedule',
          })),
        );
      }
      if (due.scheduledToMs !== row.scheduled_to_ms || error !== null)
        await tx.run('update pipelines set scheduled_to_ms = $2, error_json = null where name = $1', [
          name,
          due.scheduledToMs,
        ]);
      if (due.create.length >= AT_ONCE) return 0;
      const nextMs = nextDueMs(schedule, due.scheduledToMs, grid);
      return nextMs === undefined ? undefined : Math.max(0, nextMs - nowMs);
    });
  } catch (thrown) {
    if (!isSparkifyError(thrown) || thrown.exitCode === 4) throw thrown;
    await noteError(store, name, thrown);
    return AFTER_ERROR_MS;
  }
}

/** What keeps the runs of one pipeline from being made keeps nobody else back; it is told once. */
async function noteError(store: Store, pipeline: string, { code, message, remedy }: SparkifyError): Promise<void> {
  const json = JSON.stringify({ code, message, remedy });
  await store.write(async (tx) => {
    const changed = await tx.run(
      'update pipelines set error_json = $2 where name = $1 and (error_json is null or error_json <> $2)',
      [pipeline, json],
    );
    if (changed > 0) tx.emit({ type: 'pipeline.broken', pipeline, error: { code, message } });
  });
}
