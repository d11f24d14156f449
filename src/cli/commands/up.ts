import { randomBytes } from 'node:crypto';
import { systemClock } from '../../core/clock.ts';
import { errorText, isSparkifyError } from '../../core/errors.ts';
import type { RunningNode } from '../../orchestrator/node/node.ts';
import type { Store } from '../../orchestrator/store/store.ts';
import type { LoadedPipelines } from '../../orchestrator/worker/definitions.ts';
import { removeUpFile, writeUpFile } from '../../server/client/up-file.ts';
import { type Listening, type ListenOptions, listen } from '../../server/listen.ts';
import { maskUrl } from '../../warehouse/url.ts';
import { type CliContext, line } from '../context.ts';
import { loadedPipelines } from '../loaded-pipelines.ts';
import { openProjectLogs, startProjectNode } from '../node-access.ts';
import { jsonText } from '../output.ts';
import { openProject, type Project, type ProjectFlags } from '../project.ts';
import { projectSecrets } from '../project-secrets.ts';
import { serverParts } from '../server-parts.ts';
import { logDirectory, openProjectStore } from '../store-access.ts';
import { watchDefinitions } from '../watch-definitions.ts';

export interface UpFlags extends ProjectFlags {
  readonly host?: string;
  readonly port?: number;
  readonly slots?: number;
  readonly queues?: readonly string[];
  readonly json?: boolean;
}

/** Requests that are under way at the end have so long. */
const CLOSE_MS = 2000;

/** `sparkify up`: schedules, runs and answers, until it is told to stop. The first Ctrl-C drains, the second stops at once. */
export async function up(context: CliContext, flags: UpFlags): Promise<number> {
  const project = await openProject(context, flags);
  const store = await openProjectStore(context, project);
  try {
    return await upOn(context, flags, project, store);
  } finally {
    await store.close();
  }
}

async function upOn(context: CliContext, flags: UpFlags, project: Project, store: Store): Promise<number> {
  const logs = openProjectLogs(context, project);
  const secrets = projectSecrets(context, project);
  let current = loadedPipelines(context, project);
  let fatal: unknown;
  const node = await startProjectNode(
    context,
    project,
    {
      role: 'up',
      store,
      pipelines: current,
      logs,
      onFatal: (error) => {
        fatal = error;
      },
    },
    {
      alerts: { targets: project.alerts, secrets },
      retention: { logsDirectory: logDirectory(project) },
      ...(flags.slots === undefined ? {} : { slots: flags.slots }),
      ...(flags.queues === undefined ? {} : { queues: flags.queues }),
    },
  );
  const endInterrupts = stopOnInterrupt(context, node, 'drain');
  const token = randomBytes(32).toString('base64url');
  let listening: Listening | undefined;
  let endWatch = (): void => {};
  try {
    const parts = serverParts(project, store, () => current, node.withWarehouse);
    listening = await listenSomewhere(context, flags, project, (options) =>
      listen(parts, { ...options, localToken: token, secrets }),
    );
    const { url } = listening;
    await writeUpFile(project.directory, {
      pid: process.pid,
      url,
      startedAtMs: systemClock.nowMs(),
      store: maskUrl(project.storeUrl),
      token,
    });
    await tellStart(context, flags, { project, loaded: current, store, url });
    endWatch = watchDefinitions(
      () => definitionFiles(project),
      async () => {
        current = (await reload(context, flags, node)) ?? current;
      },
    );
    await node.done;
  } catch (error) {
    node.stop('now');
    await node.done;
    throw error;
  } finally {
    endWatch();
    endInterrupts();
    await removeUpFile(project.directory, { token });
    await listening?.close({ graceMs: CLOSE_MS });
    await logs.close();
  }
  if (fatal !== undefined) throw fatal;
  return 0;
}

/** The configured port; without one the usual, or any when another program has that. */
async function listenSomewhere(
  context: CliContext,
  flags: UpFlags,
  project: Project,
  start: (options: ListenOptions) => Promise<Listening>,
): Promise<Listening> {
  const host = flags.host ?? project.server.host;
  const port = flags.port ?? project.server.port;
  const options: ListenOptions = {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(project.server.hosts === undefined ? {} : { hosts: project.server.hosts }),
    report: (error, requestId) => void line(context.err, `request ${requestId}: ${errorText(error)}`),
  };
  try {
    return await start(options);
  } catch (error) {
    if (port !== undefined || !isSparkifyError(error) || error.code !== 'PORT_TAKEN') throw error;
    return start({ ...options, port: 0 });
  }
}

async function tellStart(
  context: CliContext,
  flags: UpFlags,
  up: { readonly project: Project; readonly loaded: LoadedPipelines; readonly store: Store; readonly url: string },
): Promise<void> {
  const { project, loaded, store, url } = up;
  const c = context.errColors;
  const scheduled = loaded.resolved.filter((p) => p.schedule !== undefined).map((p) => p.name);
  if (flags.json === true)
    await line(
      context.out,
      jsonText({ url, pid: process.pid, store: store.url, warehouse: project.shownWarehouse, scheduled }),
    );
  const runs = scheduled.length === 0 ? 'nothing is scheduled' : `schedules ${scheduled.join(', ')}`;
  await line(context.err, `${c.green('✓')} sparkify is up at ${c.bold(url)}: ${runs}`);
  await line(
    context.err,
    c.dim(`  warehouse ${project.shownWarehouse}, store ${store.url}; Ctrl-C drains, twice stops at once`),
  );
  for (const { name, error } of loaded.broken)
    await line(context.err, `${c.yellow('!')} ${name} is left out: ${error.message} ${c.dim(error.remedy)}`);
}

/** Lets Ctrl-C and SIGTERM stop a node: the first as said, the second at once. */
export function stopOnInterrupt(context: CliContext, node: RunningNode, first: 'drain' | 'now'): () => void {
  return context.onInterrupt((times) => {
    const how = times === 1 ? first : 'now';
    void line(
      context.err,
      how === 'drain'
        ? 'stopping: what runs may end (half a minute at most); once more stops at once'
        : 'stopping at once: what runs is interrupted and given back',
    );
    node.stop(how);
  });
}

function definitionFiles(project: Project): readonly string[] {
  return project.configFile === undefined ? [] : [project.configFile, ...project.pipelineFiles];
}

/** The project as it is now; undefined when it cannot be loaded, and everything stays as it was. */
async function reload(context: CliContext, flags: UpFlags, node: RunningNode): Promise<LoadedPipelines | undefined> {
  try {
    const project = await openProject(context, flags);
    const loaded = loadedPipelines(context, project);
    await node.replacePipelines(loaded, { pools: project.pools });
    await line(context.err, 'the definitions changed and were taken up');
    for (const { name, error } of loaded.broken) await line(context.err, `${name} is left out: ${error.message}`);
    return loaded;
  } catch (error) {
    await line(context.err, `the changed definitions cannot be taken up: ${errorText(error)}`);
    return undefined;
  }
}
