import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { systemTimers } from '../core/timers.ts';
import type { Api } from '../server/api.ts';
import { findServer, type RunningServer } from '../server/client/find-server.ts';
import { readUpFile } from '../server/client/up-file.ts';
import type { CliContext } from './context.ts';
import { findConfig } from './find-config.ts';
import type { Project, ProjectFlags } from './project.ts';

export type ControlFlags = Pick<ProjectFlags, 'config'>;

export interface ControlOptions extends ControlFlags {
  /** Writes down first which pipelines the project has now; a running `up` has done so. @default false */
  readonly register?: boolean;
  /** Something is to be kept, so a store is made where there is none. @default false */
  readonly keeps?: boolean;
}

/** The project's orchestration, by way of its running `up` or of its store. */
export interface Control {
  readonly api: Api;
  /** Of the `up` that answers; undefined when the command works on the store itself. */
  readonly server: { readonly url: string; readonly pid: number } | undefined;
  readonly nowMs: () => number;
}

/**
 * Works with the project's orchestration. A running `up` is asked, without so much as loading the configuration;
 * else the store is opened. Where there is no store yet a command that only looks finds an empty one and leaves none.
 */
export async function withControl<T>(
  context: CliContext,
  flags: ControlOptions,
  work: (control: Control) => Promise<T>,
): Promise<T> {
  const nowMs = (): number => systemClock.nowMs();
  const server = await runningServer(context, flags);
  if (server !== undefined) return work({ api: server.api, server, nowMs });
  const { openProject } = await import('./project.ts');
  const project = await openProject(context, flags);
  return withLocalApi(context, project, flags, (api) => work({ api, server: undefined, nowMs }));
}

/**
 * The project's `up`, if one runs and works on the same store. Where flags and environment leave no doubt about that, the
 * configuration is not even loaded.
 */
export async function runningServer(
  context: CliContext,
  flags: Pick<ProjectFlags, 'config' | 'warehouse'>,
): Promise<RunningServer | undefined> {
  const directory = projectDirectory(context, flags);
  const { SPARKIFY_STORE: store = '', SPARKIFY_WAREHOUSE: warehouse = '' } = context.env;
  if (store !== '' || warehouse !== '' || flags.warehouse !== undefined) {
    const up = await readUpFile(directory);
    if (up === undefined) return undefined;
    const [{ openProject }, { maskUrl }] = await Promise.all([import('./project.ts'), import('../warehouse/url.ts')]);
    if (maskUrl((await openProject(context, flags)).storeUrl) !== up.store) return undefined;
  }
  return findServer(directory, systemTimers);
}

/** The folder that `openProject` would find, without loading what is in it. */
function projectDirectory(context: CliContext, flags: ControlFlags): string {
  const named = flags.config ?? (context.env.SPARKIFY_CONFIG || undefined);
  const file = named === undefined ? findConfig(context.cwd) : resolve(context.cwd, named);
  return file === undefined ? resolve(context.cwd) : dirname(file);
}

async function withLocalApi<T>(
  context: CliContext,
  project: Project,
  options: ControlOptions,
  work: (api: Api) => Promise<T>,
): Promise<T> {
  const [{ localApi }, access, { loadedPipelines }, { serverParts }] = await Promise.all([
    import('../server/local.ts'),
    import('./store-access.ts'),
    import('./loaded-pipelines.ts'),
    import('./server-parts.ts'),
  ]);
  const borrowed =
    access.storeExists(project) || options.keeps === true ? undefined : mkdtempSync(join(tmpdir(), 'sparkify-empty-'));
  const shown = borrowed === undefined ? project : { ...project, storeUrl: `sqlite:${join(borrowed, 'store.db')}` };
  try {
    return await access.withStore(context, shown, async (store) => {
      if (options.register === true) {
        const { registerPipelines } = await import('../orchestrator/scheduler/register-pipelines.ts');
        await registerPipelines(store, loadedPipelines(context, project), { pools: project.pools });
      }
      const parts = serverParts(
        project,
        store,
        () => loadedPipelines(context, project),
        async (look) => {
          const { readingWarehouse } = await import('./warehouse-access.ts');
          return readingWarehouse(context, project, look);
        },
      );
      return work(localApi(parts, { name: userName(), scopes: ['viewer', 'analyst', 'operator', 'admin'] }));
    });
  } finally {
    if (borrowed !== undefined) rmSync(borrowed, { recursive: true, force: true });
  }
}

/** Who asks, as the store and its events name them. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that has no name.
    return `user ${process.getuid?.() ?? '?'}`;
  }
}
