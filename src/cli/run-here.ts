import { type SparkifyError, toSparkifyError } from '../core/errors.ts';
import type { RunReport } from '../operators/run-state.ts';
import type { Store } from '../orchestrator/store/store.ts';
import type { LoadedPipelines } from '../orchestrator/worker/definitions.ts';
import type { RunSummary } from '../orchestrator/worker/run-summary.ts';
import type { Answer, Api } from '../server/api.ts';
import { localApi } from '../server/local.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { type CliContext, line } from './context.ts';
import { userName } from './control.ts';
import { INTERRUPTED } from './error-report.ts';
import { followRun } from './follow-run.ts';
import { openProjectLogs, startProjectNode } from './node-access.ts';
import { progressView } from './progress.ts';
import type { Project } from './project.ts';
import { finishRun } from './run-end.ts';
import { wholeSummary } from './run-report.ts';
import { serverParts, type WithWarehouse } from './server-parts.ts';
import { toldLogs } from './told-logs.ts';
import { readingWarehouse } from './warehouse-access.ts';

type Run = Answer<'getRun'>;

/** A run that this process carries out. */
export interface HereRun {
  readonly run: number;
  readonly afterSeq: number;
  readonly queues: readonly string[];
  readonly pipelines: LoadedPipelines;
  /** @default opened when it is needed */
  readonly openWarehouse?: () => Promise<Warehouse>;
  /** What `checkSegments` said. @default it is asked */
  readonly segmentsId?: string | undefined;
  readonly json: boolean;
}

/** The API over a store that this process has open. */
export function apiOver(context: CliContext, project: Project, store: Store, pipelines: LoadedPipelines): Api {
  const by = { name: userName(), scopes: ['viewer', 'analyst', 'operator', 'admin'] as const };
  const reading: WithWarehouse = (work) => readingWarehouse(context, project, work);
  return localApi(
    serverParts(project, store, () => pipelines, reading),
    by,
  );
}

/**
 * Carries out one run until it has ended and tells how. Ctrl-C asks, and cancels it: it can be resumed.
 * @returns the exit code @throws what its task failed with
 */
export async function carryOutHere(
  context: CliContext,
  project: Project,
  store: Store,
  here: HereRun,
): Promise<number> {
  const { run: id, afterSeq, pipelines, queues, openWarehouse } = here;
  const api = apiOver(context, project, store, pipelines);
  const view = progressView(context);
  const logs = toldLogs(openProjectLogs(context, project), view.listener);
  let report: RunReport | undefined;
  let fatal: unknown;
  const following = new AbortController();
  const node = await startProjectNode(
    context,
    project,
    {
      role: 'command',
      store,
      pipelines,
      logs,
      ...(openWarehouse === undefined ? {} : { openWarehouse }),
      ...('segmentsId' in here ? { segmentsId: here.segmentsId } : {}),
      onReport: async (_, found) => {
        report = found;
      },
      onFatal: (error) => {
        fatal = error;
        following.abort();
      },
    },
    { onlyRun: id, queues },
  );
  const interrupts = cancelOnInterrupt(context, api, id, () => {
    node.stop('now');
    following.abort();
  });
  let ended: Run;
  try {
    ended = await followRun(api, { run: id, afterSeq, tell: view.listener, signal: following.signal });
  } finally {
    interrupts.end();
    node.stop('now');
    await node.done;
    await logs.close();
    view.stop();
  }
  if (fatal !== undefined) throw fatal;
  if (interrupts.asked() && ended.state !== 'succeeded' && ended.state !== 'failed') {
    await line(
      context.err,
      `${context.errColors.yellow('interrupted')}: \`sparkify resume ${id}\` carries on, and so does running it again`,
    );
    return INTERRUPTED;
  }
  const summary = report === undefined ? (ended.report as RunSummary | null) : wholeSummary(report);
  return finishRun(context, ended, { summary, failure: failureOf(ended, logs.failures), json: here.json });
}

/** The error that ended the run, as it was thrown. */
function failureOf({ error }: Run, failures: ReadonlyMap<string, unknown>): SparkifyError | undefined {
  for (const [task, thrown] of failures) {
    const known = toSparkifyError(thrown);
    if (error?.code === known.code && error.message === `${task}: ${known.message}`) return known;
  }
  return undefined;
}

/** The first interrupt asks, where there is somebody to ask, and cancels the run; the next one stops at once. */
function cancelOnInterrupt(
  context: CliContext,
  api: Api,
  run: number,
  stopNow: () => void,
): { readonly end: () => void; readonly asked: () => boolean } {
  let asked = false;
  let cancelling = false;
  const cancel = async (): Promise<void> => {
    if (cancelling) return;
    cancelling = true;
    asked = true;
    // It may have ended meanwhile, or the store be gone: then stopping is all that is left.
    await api.call('cancelRun', { params: { run }, body: {} }).catch(stopNow);
  };
  const ask = async (): Promise<void> => {
    const answer = context.interactive ? await context.ask(`Stop run ${run}? It can be resumed. [Y/n] `) : 'yes';
    if (answer !== undefined && /^n/i.test(answer.trim())) return;
    await cancel();
  };
  const end = context.onInterrupt((times) => {
    if (times === 1) void ask();
    else if (cancelling) stopNow();
    else void cancel();
  });
  return { end, asked: () => asked };
}
