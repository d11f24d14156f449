import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { isSparkifyError, SparkifyError } from '../core/errors.ts';
import { openWarehouse } from '../warehouse/open.ts';
import { parseWarehouseUrl } from '../warehouse/url.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { type CliContext, line } from './context.ts';
import type { Project } from './project.ts';

export interface AccessOptions {
  /** Nothing can be written, and SQL reaches no file but the segments. */
  readonly readOnly: boolean;
  /** How long to wait for an embedded file that another process holds. @default 0 */
  readonly patienceMs?: number;
  /**
   * Where a remote warehouse keeps its local mirror. One in memory disturbs no run on this machine, and costs nothing
   * while only the warehouse itself is read. @default 'memory' when read-only, else 'file'
   */
  readonly mirror?: 'file' | 'memory';
}

/** Opens the project's warehouse, works with it and closes it in any case. */
export async function withWarehouse<T>(
  context: CliContext,
  project: Project,
  options: AccessOptions,
  work: (warehouse: Warehouse) => Promise<T>,
): Promise<T> {
  if (options.readOnly) requireThere(project);
  const warehouse = await openPatiently(context, project, options);
  try {
    return await work(warehouse);
  } finally {
    await warehouse.close();
  }
}

/** Reading does not make an embedded warehouse. */
function requireThere(project: Project): void {
  const parsed = parseWarehouseUrl(project.warehouseUrl, project.directory);
  if (parsed.engine === 'duckdb' && !existsSync(parsed.path))
    throw new SparkifyError('WAREHOUSE_MISSING', { path: parsed.path });
}

async function openPatiently(context: CliContext, project: Project, options: AccessOptions): Promise<Warehouse> {
  const until = performance.now() + (options.patienceMs ?? 0);
  for (let said = false; ; said = true) {
    try {
      return await openWarehouse(project.warehouseUrl, {
        cwd: project.directory,
        segmentsDirectory: project.segmentsDirectory,
        readOnly: options.readOnly,
        mirror: options.mirror ?? (options.readOnly ? 'memory' : 'file'),
        env: databaseEnvironment(context),
        ...(project.memoryLimit === undefined ? {} : { memoryLimit: project.memoryLimit }),
        ...(project.threads === undefined ? {} : { threads: project.threads }),
      });
    } catch (error) {
      const busy = isSparkifyError(error) && error.code === 'WAREHOUSE_BUSY';
      if (!busy || performance.now() >= until) throw error;
      if (!said) await line(context.err, `${error.message} Waiting for it …`);
      await pause(200, undefined, { signal: context.signal });
    }
  }
}

/** The environment a database connection may look at; sparkify's own password variable stands above libpq's. */
function databaseEnvironment(context: CliContext): Readonly<Record<string, string | undefined>> {
  const own = context.env.SPARKIFY_PG_PASSWORD;
  return own === undefined || own === '' ? context.env : { ...context.env, PGPASSWORD: own };
}
