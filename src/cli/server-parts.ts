import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { SparkifyError } from '../core/errors.ts';
import { systemTimers } from '../core/timers.ts';
import type { Store } from '../orchestrator/store/store.ts';
import type { LoadedPipelines } from '../orchestrator/worker/definitions.ts';
import type { ServerParts } from '../server/parts.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { packageVersion } from './package.ts';
import type { Project } from './project.ts';
import { logDirectory } from './store-access.ts';

/** Does something with the project's warehouse. */
export type WithWarehouse = <T>(
  work: (warehouse: Pick<Warehouse, 'read'>) => Promise<T>,
  signal: AbortSignal,
) => Promise<T>;

/** For a command that asks for no listing. */
const noWarehouse: WithWarehouse = async () => {
  throw new SparkifyError('INTERNAL', { detail: 'this command has no warehouse to look into' });
};

/** What the API of this project is made over, in this process. */
export function serverParts(
  project: Project,
  store: Store,
  pipelines: () => LoadedPipelines,
  withWarehouse: WithWarehouse = noWarehouse,
): ServerParts {
  return {
    store,
    refreshListings: async (pipeline, signal) => {
      // Most commands never list a source, and start the faster for it.
      const [{ refreshListings }, { sourceOpener }] = await Promise.all([
        import('../orchestrator/cells/refresh-listings.ts'),
        import('./source-access.ts'),
      ]);
      const openSource = sourceOpener(project);
      return withWarehouse(
        (warehouse) => refreshListings(pipeline, { store, warehouse, openSource, clock: systemClock, signal }),
        signal,
      );
    },
    clock: systemClock,
    timers: systemTimers,
    random: (bytes) => randomBytes(bytes),
    logsDirectory: logDirectory(project),
    pipelines,
    process: {
      version: packageVersion(),
      project: basename(project.directory),
      pid: process.pid,
      startedAtMs: systemClock.nowMs(),
    },
  };
}
