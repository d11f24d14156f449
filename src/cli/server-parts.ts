import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { systemTimers } from '../core/timers.ts';
import type { Store } from '../orchestrator/store/store.ts';
import type { LoadedPipelines } from '../orchestrator/worker/definitions.ts';
import type { ServerParts } from '../server/parts.ts';
import { packageVersion } from './package.ts';
import type { Project } from './project.ts';
import { logDirectory } from './store-access.ts';

/** What the API of this project is made over, in this process. */
export function serverParts(project: Project, store: Store, pipelines: () => LoadedPipelines): ServerParts {
  return {
    store,
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
