import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { LookListener } from '../../operators/source-look.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import type { Store } from '../store/store.ts';
import { readCoverage, saveCoverage } from './coverage.ts';
import { saveLook } from './save-look.ts';
import { settlePending } from './settle-pending.ts';

/** Keeps in the store what workers learn of sources and warehouse, so that `plan` and `status` need neither. */
export interface Knowledge {
  /** For every look at a source. Never rejects. */
  readonly onLook: LookListener;
  /** After a publish, or when the warehouse was opened. */
  readonly read: (pipelines: readonly string[], warehouse: Pick<Warehouse, 'read'>) => Promise<void>;
}

export function keepKnowledge(options: {
  readonly store: Store;
  readonly clock: Clock;
  /** What could not be kept; the next look or publish makes it good. */
  readonly note: (detail: string) => void;
}): Knowledge {
  const { store, clock, note } = options;
  return {
    onLook: async (look) => {
      try {
        await saveLook(store, look);
      } catch (error) {
        note(`${look.pipeline}: what ${look.staging} has was not kept: ${errorText(error)}`);
      }
    },
    read: async (pipelines, warehouse) => {
      const found = await readCoverage(warehouse, pipelines, clock.nowMs());
      await store.write(async (tx) => {
        for (const [name, coverage] of found) await saveCoverage(tx, name, coverage);
      });
      for (const name of pipelines) await settlePending(store, warehouse, name);
    },
  };
}
