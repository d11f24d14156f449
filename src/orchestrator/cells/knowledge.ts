import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { RunReport } from '../../operators/run-state.ts';
import type { LookListener } from '../../operators/source-look.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import type { Store } from '../store/store.ts';
import { readCoverage, saveCoverage } from './coverage.ts';
import { removeLots } from './pending-lots.ts';
import { saveLook } from './save-look.ts';
import { settlePending } from './settle-pending.ts';

/** Keeps in the store what workers learn of sources and warehouse, so that `plan` and `status` need neither. */
export interface Knowledge {
  /** For every look at a source. Never rejects. */
  readonly onLook: LookListener;
  /** After a run of this process. */
  readonly onReport: (report: RunReport, warehouse: Pick<Warehouse, 'read'>) => Promise<void>;
  /** After anything else that may have published, or when the warehouse was opened. */
  readonly read: (pipelines: readonly string[], warehouse: Pick<Warehouse, 'read'>) => Promise<void>;
}

export function keepKnowledge(options: {
  readonly store: Store;
  readonly clock: Clock;
  /** What could not be kept; the next look or publish makes it good. */
  readonly note: (detail: string) => void;
}): Knowledge {
  const { store, clock, note } = options;
  /** What the latest look at each staging was the first to show. */
  const shown = new Map<string, { readonly listedAtMs: number; readonly lots: readonly number[] }>();
  const read: Knowledge['read'] = async (pipelines, warehouse) => {
    const found = await readCoverage(warehouse, pipelines, clock.nowMs());
    await store.write(async (tx) => {
      for (const [name, coverage] of found) await saveCoverage(tx, name, coverage);
    });
    for (const name of pipelines) await settlePending(store, warehouse, name);
  };
  return {
    onLook: async (look) => {
      try {
        const lots = await saveLook(store, look);
        if (look.compared) shown.set(`${look.pipeline} ${look.staging}`, { listedAtMs: look.listedAtMs, lots });
      } catch (error) {
        note(`${look.pipeline}: what ${look.staging} has was not kept: ${errorText(error)}`);
      }
    },
    onReport: async ({ pipeline, outcome, stages }, warehouse) => {
      // What its own looks showed is published: nobody has to compare that with the ledger.
      const lots = stages.flatMap(({ staging, listedAtMs }) => {
        const look = outcome === 'published' ? shown.get(`${pipeline} ${staging}`) : undefined;
        return look?.listedAtMs === listedAtMs ? (look?.lots ?? []) : [];
      });
      if (lots.length > 0) await store.write((tx) => removeLots(tx, lots));
      await read([pipeline], warehouse);
    },
    read,
  };
}
