import { createRunGraphs } from '../orchestrator/runs/run-graph.ts';
import type { Handlers } from './api.ts';
import { changeBackfill, makeBackfill } from './changes/backfills.ts';
import { changeMany } from './changes/many.ts';
import { setPaused } from './changes/pause.ts';
import { refreshListings } from './changes/refresh.ts';
import { changeRun } from './changes/run-changes.ts';
import { changeTask } from './changes/task-changes.ts';
import { triggerRun } from './changes/trigger.ts';
import type { ServerParts } from './parts.ts';
import { getBackfill, listBackfillPage } from './reads/backfills.ts';
import { followEventStream, listEvents } from './reads/events.ts';
import { getGantt } from './reads/gantt.ts';
import { Graphs } from './reads/graphs.ts';
import { getHealth, type HealthFacts } from './reads/health.ts';
import { downloadLogText, followLogLines, getFirstError, readLogPage } from './reads/logs.ts';
import { getMatrix } from './reads/matrix.ts';
import { getGraph, getPipeline, listPipelines } from './reads/pipelines.ts';
import { getPlan } from './reads/plans.ts';
import { listPools, setPool } from './reads/pools.ts';
import { findRun, listRuns, runOf } from './reads/runs.ts';
import { getStatus } from './reads/status.ts';
import { getTask, listAttempts, listTasks } from './reads/tasks.ts';
import { listWorkers } from './reads/workers.ts';
import { requireScopes } from './tokens/scopes.ts';
import { createToken, listTokens, revokeToken } from './tokens/tokens.ts';

/** What each operation does, over HTTP and within a process alike. */
export function createHandlers(parts: ServerParts, facts: HealthFacts): Handlers {
  const graphs = new Graphs();
  const runGraphs = createRunGraphs();
  const known = { graphs, runGraphs };
  const { logsDirectory, timers } = parts;
  return {
    getHealth: (call) => getHealth(parts, facts, call),
    getStatus: (call) => getStatus(graphs, call),

    listPipelines: (call) => listPipelines(graphs, call),
    getPipeline: (call) => getPipeline(graphs, call),
    getGraph: (call) => getGraph(graphs, call),
    getMatrix: (call) => getMatrix(graphs, call),
    getPlan,
    refreshListings: (call) => refreshListings(parts, call),
    pausePipeline: ({ store, params, by }) => setPaused(store, { ...params, paused: true, by: by.name }),
    unpausePipeline: ({ store, params, by }) => setPaused(store, { ...params, paused: false, by: by.name }),

    listRuns,
    triggerRun: (call) => triggerRun(parts.pipelines(), call),
    changeRuns: ({ store, body, by }) =>
      changeMany(body.runs, body.dryRun, (run) => changeRun(store, runGraphs, body.action, { run, by: by.name })),
    getRun: async ({ store, params, nowMs }) => runOf(await findRun(store.db, params.run), nowMs),
    getGantt: (call) => getGantt(graphs, call),
    cancelRun: ({ store, params, body, by }) =>
      changeRun(store, runGraphs, 'cancel', { ...params, ...body, by: by.name }),
    retryRun: ({ store, params, body, by }) =>
      changeRun(store, runGraphs, 'retry', { ...params, ...body, by: by.name }),
    resumeRun: ({ store, params, body, by }) =>
      changeRun(store, runGraphs, 'resume', { ...params, ...body, by: by.name }),

    listTasks: (call) => listTasks(graphs, call),
    getTask: (call) => getTask(graphs, call),
    listAttempts,
    retryTask: ({ store, params, query, body, by }) =>
      changeTask(store, known, 'retry', { ...params, ...query, ...body, by: by.name }),
    markTaskSucceeded: ({ store, params, query, body, by }) =>
      changeTask(store, known, 'mark-success', { ...params, ...query, ...body, by: by.name }),
    skipTask: ({ store, params, query, body, by }) =>
      changeTask(store, known, 'skip', { ...params, ...query, ...body, by: by.name }),
    changeTasks: ({ store, body, by }) =>
      changeMany(body.tasks, body.dryRun, (task) => changeTask(store, known, body.action, { ...task, by: by.name })),

    readLogs: (call) => readLogPage(logsDirectory, call),
    getFirstError: (call) => getFirstError(logsDirectory, call),
    downloadLogs: (call) => downloadLogText(logsDirectory, call),
    followLogs: (call) => followLogLines(logsDirectory, timers, call),

    listBackfills: listBackfillPage,
    createBackfill: (call) => makeBackfill(parts.pipelines(), call),
    getBackfill,
    pauseBackfill: ({ store, params, body, by }) =>
      changeBackfill(store, runGraphs, 'pause', { ...params, ...body, by: by.name }),
    resumeBackfill: ({ store, params, body, by }) =>
      changeBackfill(store, runGraphs, 'resume', { ...params, ...body, by: by.name }),
    cancelBackfill: ({ store, params, body, by }) =>
      changeBackfill(store, runGraphs, 'cancel', { ...params, ...body, by: by.name }),

    listEvents,
    followEvents: (call) => followEventStream(timers, call),

    listPools,
    setPool,
    listWorkers,

    listTokens: async ({ store }) => ({ items: await listTokens(store) }),
    createToken: ({ store, body, by }) => {
      requireScopes(by.scopes, body.scopes);
      return createToken(store, body, parts.random);
    },
    revokeToken: ({ store, params }) => revokeToken(store, params.token),
  };
}
