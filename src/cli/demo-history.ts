import { grouped } from '../core/grouped.ts';
import type { Answer, Api } from '../server/api.ts';
import { localApi } from '../server/local.ts';
import type { CliContext } from './context.ts';
import { userName } from './control.ts';
import type { LateFile } from './demo-late-file.ts';
import { loadedPipelines } from './loaded-pipelines.ts';
import { openProjectLogs, startProjectNode } from './node-access.ts';
import { type ProgressView, step } from './progress.ts';
import type { Project } from './project.ts';
import { serverParts } from './server-parts.ts';
import { openProjectStore } from './store-access.ts';

const MONTH = { from: '2018-11-01', to: '2018-12-01' };

/** Neighbours that become one run: three runs for the month. */
const CELLS_PER_RUN = 10;

/** What the plan said when the late file had come, before anything was done about it. */
export interface DemoHistory {
  readonly stale: Answer<'getPlan'>;
}

/**
 * A month of daily cells by one backfill; then a file comes late, the plan says which cells are stale by it, and a second
 * backfill repairs them. As `sparkify up` would do it, in this process.
 */
export async function makeHistory(
  context: CliContext,
  view: ProgressView,
  project: Project,
  lateFile: LateFile,
): Promise<DemoHistory> {
  const store = await openProjectStore(context, project);
  const logs = openProjectLogs(context, project);
  const pipelines = loadedPipelines(context, project);
  const failed = new AbortController();
  const node = await startProjectNode(context, project, {
    role: 'up',
    store,
    pipelines,
    logs,
    onFatal: (error) => {
      failed.abort(error);
    },
  });
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const stop = (): void => node.stop('now');
  signal.addEventListener('abort', stop, { once: true });
  try {
    const parts = serverParts(project, store, () => pipelines, node.withWarehouse);
    const api = localApi(parts, { name: userName(), scopes: ['viewer', 'analyst', 'operator', 'admin'] });
    await step(
      view.listener,
      'backfill 30 days',
      (tell) => backfill(signal, api, { scope: 'missing', coalesce: CELLS_PER_RUN }, tell),
      (found) => done(found),
    );
    await lateFile.deliver();
    const stale = await step(
      view.listener,
      `${lateFile.name} comes again, with ${lateFile.events} late events`,
      async () => {
        await api.call('refreshListings', { params: { pipeline: 'sparkify' } });
        return api.call('getPlan', { params: { pipeline: 'sparkify' }, query: { ...MONTH, scope: 'stale' } });
      },
      (plan) => `${plan.counts.stale} cells are stale`,
    );
    await step(
      view.listener,
      'backfill what is stale',
      (tell) => backfill(signal, api, { scope: 'stale' }, tell),
      (found) => done(found),
    );
    return { stale };
  } finally {
    signal.removeEventListener('abort', stop);
    node.stop('drain');
    await node.done;
    await logs.close();
    await store.close();
  }
}

type Backfill = Answer<'getBackfill'>;

async function backfill(
  signal: AbortSignal,
  api: Api,
  options: { readonly scope: 'missing' | 'stale'; readonly coalesce?: number },
  tell: (detail: string, done?: number, total?: number) => void,
): Promise<Backfill | undefined> {
  const created = await api.call('createBackfill', { body: { pipeline: 'sparkify', ...MONTH, ...options } });
  if (created.backfill === null) return undefined;
  const { id } = created.backfill;
  // The stream wakes for every event of the pipeline; what counts is how far the cells have come.
  const ending = new AbortController();
  const events = api.stream(
    'followEvents',
    { query: { pipeline: 'sparkify' } },
    { signal: AbortSignal.any([signal, ending.signal]) },
  );
  const look = async (): Promise<Backfill> => {
    const found = await api.call('getBackfill', { params: { backfill: id } });
    const { planned = 0, running = 0 } = found.counts;
    const total = found.cells.length;
    tell('cells', total - planned - running, total);
    return found;
  };
  let found = await look();
  if (found.state === 'running')
    for await (const _ of events) {
      found = await look();
      if (found.state !== 'running') break;
    }
  ending.abort();
  signal.throwIfAborted();
  return found;
}

function done(found: Backfill | undefined): string {
  if (found === undefined) return 'nothing to do';
  const { succeeded = 0 } = found.counts;
  return `${grouped(succeeded)} of ${grouped(found.cells.length)} cells done${found.state === 'succeeded' ? '' : `, the backfill ${found.state}`}`;
}
