import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isSparkifyError, SparkifyError } from '../core/errors.ts';
import { openWarehouse } from '../warehouse/open.ts';
import { parseWarehouseUrl } from '../warehouse/url.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { type CliContext, line } from './context.ts';
import { askHolder } from './holder/ask.ts';
import { type Holder, listen } from './holder/listen.ts';
import type { Project } from './project.ts';
import { openSegments } from './segments-access.ts';

export interface AccessOptions {
  /** Nothing can be written, and SQL reaches no file but the segments. */
  readonly readOnly: boolean;
  /** How long to wait for an embedded file whose holder serves no reader. @default a second when read-only, else 0 */
  readonly patienceMs?: number;
  /**
   * Where a remote warehouse keeps its local mirror. One in memory disturbs no run on this machine, and costs nothing
   * while only the warehouse itself is read. @default 'memory' when read-only, else 'file'
   */
  readonly mirror?: 'file' | 'memory';
}

/** A holder that has just begun or is about to end answers, or is gone, within this time. */
const CHANGE_OF_HANDS_MS = 1000;

/**
 * Opens the project's warehouse, works with it and closes it in any case. An embedded file that another command of this
 * user holds for writing is read through that process; while this one holds it, it serves the others.
 */
export async function withWarehouse<T>(
  context: CliContext,
  project: Project,
  options: AccessOptions,
  work: (warehouse: Warehouse) => Promise<T>,
): Promise<T> {
  if (options.readOnly) requireThere(project);
  const warehouse = await openPatiently(context, project, options);
  try {
    return options.readOnly ? await work(warehouse) : await served(context, warehouse, work);
  } finally {
    await warehouse.close();
  }
}

/** Reads the project's warehouse; one that was never made is as an empty one, and is not made by that. */
export async function readingWarehouse<T>(
  context: CliContext,
  project: Project,
  work: (warehouse: Warehouse) => Promise<T>,
): Promise<T> {
  const path = pathOf(project);
  if (path === '' || existsSync(path)) return withWarehouse(context, project, { readOnly: true }, work);
  const folder = mkdtempSync(join(tmpdir(), 'sparkify-empty-'));
  try {
    const empty = { ...project, warehouseUrl: `duckdb:${join(folder, 'empty.duckdb')}` };
    return await withWarehouse(context, empty, { readOnly: false }, work);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function served<T>(
  context: CliContext,
  warehouse: Warehouse,
  work: (warehouse: Warehouse) => Promise<T>,
): Promise<T> {
  const holder = await listen(warehouse);
  try {
    return await work(warehouse);
  } finally {
    await endService(context, holder);
  }
}

async function endService(context: CliContext, holder: Holder): Promise<void> {
  await holder.close({
    signal: context.signal,
    onWait: (readers) => void line(context.err, `waiting for ${readers} ${readers === 1 ? 'reader' : 'readers'}`),
  });
}

/**
 * The project's warehouse for writing, open until it is closed; meanwhile it serves the readers of other commands.
 * @throws WAREHOUSE_BUSY at once when another process has the file
 */
export async function openServing(context: CliContext, project: Project): Promise<Warehouse> {
  const warehouse = await openPatiently(context, project, { readOnly: false });
  const holder = await listen(warehouse);
  return new Proxy(warehouse, {
    get: (target, name) => {
      if (name === 'close')
        return async () => {
          await endService(context, holder);
          await target.close();
        };
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function pathOf(project: Project): string {
  const parsed = parseWarehouseUrl(project.warehouseUrl, project.directory);
  return parsed.engine === 'duckdb' ? parsed.path : '';
}

/** Reading does not make an embedded warehouse. */
function requireThere(project: Project): void {
  const parsed = parseWarehouseUrl(project.warehouseUrl, project.directory);
  if (parsed.engine === 'duckdb' && !existsSync(parsed.path))
    throw new SparkifyError('WAREHOUSE_MISSING', { path: parsed.path });
}

async function openPatiently(context: CliContext, project: Project, options: AccessOptions): Promise<Warehouse> {
  const start = performance.now();
  const until = start + (options.patienceMs ?? (options.readOnly ? CHANGE_OF_HANDS_MS : 0));
  for (let said = false; ; ) {
    try {
      return await openWarehouse(project.warehouseUrl, {
        cwd: project.directory,
        segments: await openSegments(project),
        readOnly: options.readOnly,
        mirror: options.mirror ?? (options.readOnly ? 'memory' : 'file'),
        env: databaseEnvironment(context),
        ...(project.memoryLimit === undefined ? {} : { memoryLimit: project.memoryLimit }),
        ...(project.threads === undefined ? {} : { threads: project.threads }),
      });
    } catch (error) {
      if (!isSparkifyError(error) || error.code !== 'WAREHOUSE_BUSY') throw error;
      const held = options.readOnly ? await askHolder(pathOf(project)) : undefined;
      if (held !== undefined) return held;
      const now = performance.now();
      if (now >= until) throw error;
      if (!said && now - start > CHANGE_OF_HANDS_MS) {
        said = true;
        await line(context.err, `${error.message} Waiting for it …`);
      }
      await pause(100, undefined, { signal: context.signal });
    }
  }
}

/** The environment a database connection may look at; sparkify's own password variable stands above libpq's. */
function databaseEnvironment(context: CliContext): Readonly<Record<string, string | undefined>> {
  const own = context.env.SPARKIFY_PG_PASSWORD;
  return own === undefined || own === '' ? context.env : { ...context.env, PGPASSWORD: own };
}
