import type { Store } from '../../orchestrator/store/store.ts';
import type { Api } from '../../server/api.ts';
import { type CliContext, line } from '../context.ts';
import { runningServer } from '../control.ts';
import { hasEnded, lastEventOf } from '../follow-run.ts';
import { loadedPipelines } from '../loaded-pipelines.ts';
import { openProject, type Project, type ProjectFlags } from '../project.ts';
import { apiOver, carryOutHere } from '../run-here.ts';
import { waitForRun } from '../run-there.ts';
import { withStore } from '../store-access.ts';

export interface ResumeFlags extends ProjectFlags {
  readonly json?: boolean;
}

/** `sparkify resume`: carries on a run that failed, was cancelled, or was left by a process that died. */
export async function resume(context: CliContext, flags: ResumeFlags, id: number): Promise<number> {
  const json = flags.json === true;
  const server = await runningServer(context, flags);
  if (server !== undefined) {
    const afterSeq = await takeUp(server.api, id);
    await line(context.err, context.errColors.dim(`run ${id}, carried out by sparkify up`));
    return waitForRun(context, server.api, { run: id, afterSeq, json });
  }
  const project = await openProject(context, flags);
  return withStore(context, project, (store) => resumeOn(context, project, store, id, json));
}

async function resumeOn(
  context: CliContext,
  project: Project,
  store: Store,
  id: number,
  json: boolean,
): Promise<number> {
  const pipelines = loadedPipelines(context, project);
  const api = apiOver(context, project, store, pipelines);
  const { items } = await api.call('listWorkers');
  const afterSeq = await takeUp(api, id);
  if (items.some((worker) => worker.alive && worker.kind === 'up'))
    return waitForRun(context, api, { run: id, afterSeq, json });
  const rows = await store.db.selectFrom('tasks').select('queue').distinct().where('run_id', '=', id).execute();
  const queues = rows.map((row) => row.queue);
  return carryOutHere(context, project, store, { run: id, afterSeq, queues, pipelines, json });
}

/** Lets a run that has ended go on; one that was only left is left as it is. @returns after which event to listen */
async function takeUp(api: Api, id: number): Promise<number> {
  const run = await api.call('getRun', { params: { run: id } });
  const afterSeq = await lastEventOf(api, id);
  if (hasEnded(run)) await api.call('resumeRun', { params: { run: id }, body: {} });
  return afterSeq;
}
