import type { Store } from '../store.ts';
import type { Bounds } from './bounds.ts';
import { removeEvents } from './remove-events.ts';
import { removeBackfills, removeVersions } from './remove-plans.ts';
import { removeRuns } from './remove-runs.ts';

export interface RetentionOptions {
  /** Runs that ended longer ago go, with their tasks, attempts and events; backfills likewise. @default 90 days */
  readonly keepRunsMs?: number;
  /** Events older than this go. @default 30 days */
  readonly keepEventsMs?: number;
  /** So many of the latest runs (and backfills) of a pipeline stay, however old. @default 50 */
  readonly keepPerPipeline?: number;
  /** Answers that are kept for repeated requests, and traces of connections and workers that are gone. @default 2 days */
  readonly keepTracesMs?: number;
  /** Stops between two batches. */
  readonly signal?: AbortSignal;
}

/** What was removed. */
export interface Pruned {
  /** Their logs can go too. */
  readonly runIds: readonly number[];
  readonly events: number;
  readonly backfills: number;
  readonly versions: number;
  readonly traces: number;
}

const DAY_MS = 86_400_000;
const defaults = { keepRunsMs: 90 * DAY_MS, keepEventsMs: 30 * DAY_MS, keepPerPipeline: 50, keepTracesMs: 2 * DAY_MS };

/**
 * Removes what is old by the store's clock, in small transactions; may run beside everything else, and in several processes. Cells stay, whatever
 * happens to the run they came from. A run stays as long as
 * - it is among the latest of its pipeline, so that a pipeline that rarely runs keeps its history;
 * - a cell that did not succeed is explained by it, so that it can be looked into and retried;
 * - its backfill has not ended, which counts its outcomes.
 * An event stays as long as a reader that is remembered (`cursors`) has not read it, or refers to it.
 */
export async function pruneStore(store: Store, options: RetentionOptions = {}): Promise<Pruned> {
  const { keepRunsMs, keepEventsMs, keepPerPipeline, keepTracesMs, signal } = { ...defaults, ...options };
  const nowMs = await store.write(async (tx) => tx.nowMs);
  const bounds: Bounds = {
    runsBeforeMs: nowMs - keepRunsMs,
    eventsBeforeMs: nowMs - keepEventsMs,
    tracesBeforeMs: nowMs - keepTracesMs,
    keep: Math.max(1, keepPerPipeline),
  };
  const runIds: number[] = [];
  await inBatches(signal, async () => {
    const removed = await removeRuns(store, bounds);
    runIds.push(...removed);
    return removed.length;
  });
  const events = await inBatches(signal, () => removeEvents(store, bounds));
  const backfills = await inBatches(signal, () => removeBackfills(store, bounds));
  const versions = await inBatches(signal, () => removeVersions(store, bounds));
  const traces = await removeTraces(store, bounds);
  return { runIds, events, backfills, versions, traces };
}

/** Until a batch finds nothing more; how much there was. */
async function inBatches(signal: AbortSignal | undefined, batch: () => Promise<number>): Promise<number> {
  let total = 0;
  for (let count = 1; count > 0; ) {
    signal?.throwIfAborted();
    count = await batch();
    total += count;
  }
  return total;
}

function removeTraces(store: Store, { tracesBeforeMs, eventsBeforeMs }: Bounds): Promise<number> {
  return store.write(async ({ db }) => {
    const results = [
      await db.deleteFrom('idempotency').where('created_at_ms', '<', tracesBeforeMs).executeTakeFirst(),
      await db.deleteFrom('commits').where('at_ms', '<', tracesBeforeMs).executeTakeFirst(),
      await db.deleteFrom('workers').where('heartbeat_at_ms', '<', tracesBeforeMs).executeTakeFirst(),
      await db
        .deleteFrom('deliveries')
        .where('state', '!=', 'pending')
        .where('created_at_ms', '<', eventsBeforeMs)
        .executeTakeFirst(),
    ];
    return results.reduce((sum, { numDeletedRows }) => sum + Number(numDeletedRows), 0);
  });
}
