import { existsSync, mkdirSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { openStore } from '../orchestrator/store/open-store.ts';
import type { Store } from '../orchestrator/store/store.ts';
import { parseStoreUrl } from '../orchestrator/store/store-url.ts';
import type { CliContext } from './context.ts';
import type { Project } from './project.ts';

/** Where the logs of attempts lie: beside an embedded store, because runs are known by their numbers in it. */
export function logDirectory(project: Project): string {
  const file = storeFile(project);
  if (file === undefined) return join(project.directory, '.sparkify', 'logs');
  const name = basename(file, extname(file));
  return join(dirname(file), name === 'store' ? 'logs' : `${name}.logs`);
}

/** The embedded store's file; undefined when the store is a server. */
export function storeFile(project: Project): string | undefined {
  const parsed = parseStoreUrl(project.storeUrl, project.directory);
  return parsed.engine === 'embedded' ? parsed.path : undefined;
}

/** Whether anything can have been kept yet. A server is asked for it. */
export function storeExists(project: Project): boolean {
  const file = storeFile(project);
  return file === undefined || existsSync(file);
}

/** Opens the project's store and makes it when it is not there. @throws STORE_*, WAREHOUSE_AUTH_FAILED */
export async function openProjectStore(context: CliContext, project: Project): Promise<Store> {
  const file = storeFile(project);
  if (file !== undefined) mkdirSync(dirname(file), { recursive: true });
  const own = context.env.SPARKIFY_PG_PASSWORD;
  const env = own === undefined || own === '' ? context.env : { ...context.env, PGPASSWORD: own };
  return openStore(project.storeUrl, { cwd: project.directory, env });
}

/** Opens the store, works with it and closes it in any case. */
export async function withStore<T>(
  context: CliContext,
  project: Project,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const store = await openProjectStore(context, project);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
