import type { StoreEvent } from '../events/event.ts';
import type { StoreTransaction } from '../store/store.ts';

export function tellBackfill(
  tx: Pick<StoreTransaction, 'emit'>,
  type: Extract<StoreEvent['type'], `backfill.${string}`>,
  of: {
    readonly id: number;
    readonly pipeline: string;
    readonly state: string;
    readonly cells: number;
    readonly by?: string;
  },
): void {
  const { id, pipeline, state, cells, by } = of;
  tx.emit({ type, pipeline, backfillId: id, state, cells, by });
}
