import { systemClock } from '../core/clock.ts';
import { systemTimers } from '../core/timers.ts';
import { type AttemptLogs, openAttemptLogs } from '../orchestrator/logs/attempt-logs.ts';
import { createRedactor } from '../orchestrator/logs/redact.ts';
import {
  type NodeOptions,
  type NodeRole,
  type NodeWorker,
  type RunningNode,
  startNode,
} from '../orchestrator/node/node.ts';
import type { Store } from '../orchestrator/store/store.ts';
import type { LoadedPipelines } from '../orchestrator/worker/definitions.ts';
import { parseWarehouseUrl } from '../warehouse/url.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { type CliContext, line } from './context.ts';
import type { Project } from './project.ts';
import { projectSecrets } from './project-secrets.ts';
import { checkSegments } from './segments-access.ts';
import { sourceOpener, textReader } from './source-access.ts';
import { logDirectory } from './store-access.ts';
import { openServing } from './warehouse-access.ts';

/** An embedded file that nothing was done with for so long is closed, so that other commands may write to it. */
const IDLE_MS = 1000;

/** What a node of this project is started with, besides what its command adds. */
export interface ProjectNode {
  readonly role: NodeRole;
  readonly store: Store;
  readonly pipelines: LoadedPipelines;
  readonly logs: AttemptLogs;
  /** @default opened when it is needed, and an embedded one closed when it is not */
  readonly openWarehouse?: () => Promise<Warehouse>;
  /** What `checkSegments` said. @default it is asked */
  readonly segmentsId?: string | undefined;
  /** After the data tasks of a run. */
  readonly onReport?: NonNullable<NodeWorker['onReport']>;
  readonly onFatal: (error: unknown) => void;
}

/** Starts a node of this project in this process. @throws NODE_RUNNING, SEGMENTS_*, STORE_* */
export async function startProjectNode(
  context: CliContext,
  project: Project,
  node: ProjectNode,
  more: Partial<
    Pick<NodeOptions, 'onlyRun' | 'backfills' | 'slots' | 'queues' | 'alerts' | 'retention' | 'steps'>
  > = {},
): Promise<RunningNode> {
  const embedded = isEmbedded(project);
  const segmentsId = 'segmentsId' in node ? node.segmentsId : await checkSegments(project, node.store);
  const redact = createRedactor(projectSecrets(context, project));
  const { store, pipelines, logs, role, openWarehouse, onReport, onFatal } = node;
  return startNode({
    role,
    store,
    pipelines,
    worker: {
      warehouse: {
        open: openWarehouse ?? (() => openServing(context, project)),
        ...(embedded && openWarehouse === undefined ? { idleMs: IDLE_MS } : {}),
      },
      openSource: sourceOpener(project),
      readText: textReader(project),
      logs,
      failpoints: context.failpoints,
      ...(onReport === undefined ? {} : { onReport }),
    },
    pools: project.pools,
    clock: systemClock,
    timers: systemTimers,
    monotonicMs: () => performance.now(),
    random: Math.random,
    embeddedWarehouse: embedded,
    ...(segmentsId === undefined ? {} : { segmentsId }),
    note: (detail) => void line(context.err, redact(detail)),
    onFatal,
    ...more,
  });
}

/** The logs of this project's attempts, for writing. */
export function openProjectLogs(context: CliContext, project: Project): AttemptLogs {
  return openAttemptLogs({
    directory: logDirectory(project),
    clock: systemClock,
    secrets: projectSecrets(context, project),
    onProblem: (error) => void line(context.err, `logs cannot be written: ${String(error)}`),
  });
}

export function isEmbedded(project: Project): boolean {
  return parseWarehouseUrl(project.warehouseUrl, project.directory).engine === 'duckdb';
}
