import { nextDueMs } from '../../pipeline/due.ts';
import type { GraphSchedule, PipelineGraph } from '../../pipeline/graph.ts';
import { gridOf, type IntervalGrid } from '../../pipeline/interval-grid.ts';
import type { StoreReader } from '../store/store.ts';

/** A schedule with its grid, which remembers what it looked up of its zone. */
export interface KnownSchedule {
  readonly schedule: GraphSchedule;
  readonly grid: IntervalGrid;
  /** When the first interval that ends after the instant comes due, asked again and again for the same one. */
  nextDueMs(afterMs: number): number | undefined;
}

/** Versions that are kept at once; more are read again when they are needed. */
const MAX_KEPT = 1000;

/** The schedules of versions of pipelines, each read once: a version never changes. */
export class KnownSchedules {
  readonly #kept = new Map<string, KnownSchedule | undefined>();

  /** Undefined for a version without a schedule, and for one that is not in the store. */
  async of(db: StoreReader, pipeline: string, version: string): Promise<KnownSchedule | undefined> {
    const key = `${pipeline}\n${version}`;
    if (this.#kept.has(key)) return this.#kept.get(key);
    const row = await db
      .selectFrom('pipeline_versions')
      .select('graph_json')
      .where('pipeline', '=', pipeline)
      .where('version', '=', version)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    const { schedule } = JSON.parse(row.graph_json) as PipelineGraph;
    const known = schedule === undefined ? undefined : knowSchedule(schedule);
    if (this.#kept.size >= MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    this.#kept.set(key, known);
    return known;
  }
}

function knowSchedule(schedule: GraphSchedule): KnownSchedule {
  const grid = gridOf(schedule);
  let asked: { readonly afterMs: number; readonly nextMs: number | undefined } | undefined;
  return {
    schedule,
    grid,
    nextDueMs: (afterMs) => {
      if (asked?.afterMs !== afterMs) asked = { afterMs, nextMs: nextDueMs(schedule, afterMs, grid) };
      return asked.nextMs;
    },
  };
}
