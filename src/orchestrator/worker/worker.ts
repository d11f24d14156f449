import type { Warehouse } from '../../warehouse/warehouse.ts';
import type { LoadedPipelines } from './definitions.ts';
import { registerWorker } from './registry.ts';
import { WorkerLoop } from './worker-loop.ts';
import { resolveLimits, type WorkerOptions } from './worker-options.ts';

export type { WorkerOptions } from './worker-options.ts';

export interface Worker {
  readonly id: string;
  /** From now on these definitions. */
  replacePipelines(loaded: LoadedPipelines): void;
  /**
   * Claims nothing more. `drain` lets attempts go on for a while, `now` interrupts them; what is then not done is given
   * back unharmed. A second call can only hurry the first.
   */
  stop(how: 'drain' | 'now'): void;
  /**
   * Does `work` with the warehouse that its runs use, opened when it must be; waits while another process has its file.
   * @throws WAREHOUSE_*; WAREHOUSE_BUSY when the data of this store is another worker's
   */
  withWarehouse<T>(work: (warehouse: Warehouse) => Promise<T>, signal: AbortSignal): Promise<T>;
  /** When it has stopped. Never rejects. */
  readonly done: Promise<void>;
}

/** Registers a worker and lets it carry out tasks until it is stopped. @throws NODE_RUNNING, STORE_* */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const registered = await registerWorker(options.store, options.registration);
  const { warehouse, ...withoutData } = options;
  const { dataWith } = registered;
  if (dataWith !== undefined)
    options.note?.(`the embedded warehouse belongs to one process: tasks on its data are left to ${dataWith}`);
  const usable = dataWith !== undefined || warehouse === undefined ? withoutData : { ...withoutData, warehouse };
  const loop = new WorkerLoop({ ...usable, ...resolveLimits(options) }, registered.id);
  loop.start();
  return {
    id: registered.id,
    done: loop.done.then(() => registered.leave().catch(() => undefined)),
    replacePipelines: (loaded) => loop.definitions.replace(loaded),
    stop: (how) => loop.stop(how),
    withWarehouse: (work, signal) => loop.withWarehouse(work, signal),
  };
}
