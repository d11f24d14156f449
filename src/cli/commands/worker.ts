import { SparkifyError } from '../../core/errors.ts';
import { type CliContext, line } from '../context.ts';
import { loadedPipelines } from '../loaded-pipelines.ts';
import { isEmbedded, openProjectLogs, startProjectNode } from '../node-access.ts';
import { openProject, type ProjectFlags } from '../project.ts';
import { openProjectStore, storeFile } from '../store-access.ts';
import { stopOnInterrupt } from './up.ts';

export interface WorkerFlags extends ProjectFlags {
  readonly slots?: number;
  readonly queues?: readonly string[];
}

/** `sparkify worker`: carries out tasks of a store that several machines share, until it is told to stop. */
export async function worker(context: CliContext, flags: WorkerFlags): Promise<number> {
  const project = await openProject(context, flags);
  const file = storeFile(project);
  if (file !== undefined)
    throw new SparkifyError('USAGE', {
      detail: `The store ${file} belongs to one machine, whose \`sparkify up\` carries out its tasks itself.`,
      fix: 'Let `store` in sparkify.config.ts name a PostgreSQL database, or start `sparkify up --slots N`.',
    });
  const store = await openProjectStore(context, project);
  const logs = openProjectLogs(context, project);
  let fatal: unknown;
  try {
    const node = await startProjectNode(
      context,
      project,
      {
        role: 'worker',
        store,
        pipelines: loadedPipelines(context, project),
        logs,
        onFatal: (error) => {
          fatal = error;
        },
      },
      {
        ...(flags.slots === undefined ? {} : { slots: flags.slots }),
        ...(flags.queues === undefined ? {} : { queues: flags.queues }),
      },
    );
    const end = stopOnInterrupt(context, node, 'drain');
    const c = context.errColors;
    await line(context.err, `${c.green('✓')} worker ${node.id} takes tasks from ${store.url}`);
    if (isEmbedded(project))
      await line(
        context.err,
        `${c.yellow('!')} the warehouse ${project.shownWarehouse} is a file of this machine: a run that another one has begun cannot go on here`,
      );
    await node.done;
    end();
  } finally {
    await logs.close();
    await store.close();
  }
  if (fatal !== undefined) throw fatal;
  return 0;
}
