import { durationText } from '../core/duration-text.ts';
import { SparkifyError } from '../core/errors.ts';
import type { Answer, Api } from '../server/api.ts';
import { cellsOf, countsText, printFailed } from './backfill-report.ts';
import { type CliContext, line } from './context.ts';
import { INTERRUPTED } from './error-report.ts';
import { loadedPipelines } from './loaded-pipelines.ts';
import { openProjectLogs, startProjectNode } from './node-access.ts';
import { jsonText } from './output.ts';
import { progressView } from './progress.ts';
import { openProject, type ProjectFlags } from './project.ts';
import { apiOver } from './run-here.ts';
import { withStore } from './store-access.ts';

type Backfill = Answer<'getBackfill'>;

interface Interrupts {
  /** Nobody waits any more. */
  readonly signal: AbortSignal;
  readonly end: () => void;
}

/** Waits for a backfill that an `up` carries out. Ctrl-C leaves it to that. @returns the exit code */
export async function waitForBackfill(context: CliContext, api: Api, id: number, json: boolean): Promise<number> {
  const leaving = new AbortController();
  const end = context.onInterrupt(() => leaving.abort());
  const found = await follow(context, api, id, { signal: leaving.signal, end });
  if (!hasEnded(found) && found.state !== 'paused') {
    await line(
      context.err,
      `${context.errColors.yellow('interrupted')}: backfill ${id} goes on; \`sparkify backfill show ${id}\` shows it, \`sparkify backfill pause ${id}\` stops it`,
    );
    return INTERRUPTED;
  }
  return tellEnd(context, found, json);
}

/** Carries out a backfill in this process, with whatever else waits in the store. Ctrl-C pauses it. @returns the exit code */
export async function backfillHere(
  context: CliContext,
  flags: ProjectFlags,
  id: number,
  json: boolean,
): Promise<number> {
  const project = await openProject(context, flags);
  return withStore(context, project, async (store) => {
    const pipelines = loadedPipelines(context, project);
    const api = apiOver(context, project, store, pipelines);
    const logs = openProjectLogs(context, project);
    const queues = await store.db.selectFrom('tasks').select('queue').distinct().execute();
    const leaving = new AbortController();
    let fatal: unknown;
    const node = await startProjectNode(
      context,
      project,
      {
        role: 'command',
        store,
        pipelines,
        logs,
        onFatal: (error) => {
          fatal = error;
          leaving.abort();
        },
      },
      { backfills: true, queues: [...new Set(['default', ...queues.map((row) => row.queue)])] },
    );
    let asked = false;
    const end = context.onInterrupt((times) => {
      asked = true;
      if (times > 1) node.stop('now');
      void pause(context, api, id).finally(() => leaving.abort());
    });
    let found: Backfill;
    try {
      found = await follow(context, api, id, { signal: leaving.signal, end });
    } finally {
      node.stop(asked ? 'now' : 'drain');
      await node.done;
      await logs.close();
    }
    if (fatal !== undefined) throw fatal;
    if (!asked || hasEnded(found)) return tellEnd(context, found, json);
    await line(
      context.err,
      `${context.errColors.yellow('interrupted')}: backfill ${id} is paused; \`sparkify backfill resume ${id}\` carries on`,
    );
    return INTERRUPTED;
  });
}

async function pause(context: CliContext, api: Api, id: number): Promise<void> {
  try {
    await api.call('pauseBackfill', { params: { backfill: id }, body: {} });
  } catch (error) {
    // It has ended meanwhile, or the store is gone.
    await line(context.err, error instanceof SparkifyError ? error.message : String(error));
  }
}

function hasEnded({ state }: Backfill): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled';
}

/** Tells how far it is until it has ended or is paused, or nobody waits any more; how it stands then. */
async function follow(context: CliContext, api: Api, id: number, { signal, end }: Interrupts): Promise<Backfill> {
  const view = progressView(context);
  const task = `backfill ${id}`;
  const ending = new AbortController();
  const look = (): Promise<Backfill> => api.call('getBackfill', { params: { backfill: id } });
  try {
    let found = await look();
    view.listener({ type: 'task.started', task });
    const tell = (): void => {
      const done = found.counts.succeeded ?? 0;
      const failed = found.counts.failed ?? 0;
      const detail = failed === 0 ? '' : `${failed} failed,`;
      view.listener({ type: 'task.progress', task, detail, done, total: cellsOf(found), unit: 'intervals' });
    };
    tell();
    if (hasEnded(found)) return found;
    // What counts is how far its cells are; runs that end and words about the backfill itself say that it is time to look.
    const events = api.stream(
      'followEvents',
      { query: { pipeline: found.pipeline, type: 'backfill,run.succeeded,run.failed,run.cancelled' } },
      { signal: AbortSignal.any([signal, ending.signal]) },
    );
    const again = setInterval(() => void look().then(check, () => undefined), LOOK_MS);
    const check = (now: Backfill): void => {
      found = now;
      tell();
      if (hasEnded(found) || found.state === 'paused') ending.abort();
    };
    try {
      for await (const _ of events) check(await look());
    } finally {
      clearInterval(again);
    }
    return await look();
  } finally {
    end();
    view.stop();
  }
}

/** Also without an event: a stream that broke off misses some. */
const LOOK_MS = 2000;

async function tellEnd(context: CliContext, found: Backfill, json: boolean): Promise<number> {
  const c = context.outColors;
  const good = found.state === 'succeeded';
  if (json) await line(context.out, jsonText(found, 2));
  else {
    const took = found.finishedAtMs === null ? '' : ` in ${durationText(found.finishedAtMs - found.createdAtMs)}`;
    const mark = good ? c.green('✓') : c.red('✗');
    await line(
      context.out,
      `${mark} Backfill ${found.id} of ${found.pipeline} (${found.interval}) ${found.state}${took}: ${countsText(context, found)}`,
    );
    await printFailed(context, found);
    if (!good)
      await line(context.err, c.dim(`\`sparkify backfill resume ${found.id}\` takes the failed intervals up again`));
  }
  return good ? 0 : 1;
}
