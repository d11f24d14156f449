import { SparkifyError } from '../core/errors.ts';
import { folderSegments } from '../segments/folder.ts';
import type { SegmentStore } from '../segments/store.ts';
import { openEmbeddedWarehouse } from './duckdb/warehouse.ts';
import type { PostgresEnvironment } from './postgres/connection-options.ts';
import { maskUrl, parseWarehouseUrl } from './url.ts';
import type { Warehouse } from './warehouse.ts';

export interface OpenWarehouseOptions {
  /** What relative paths are relative to. */
  readonly cwd: string;
  /** PostgreSQL only, and needed there without `segments`: absolute path of the folder for segments. */
  readonly segmentsDirectory?: string;
  /** PostgreSQL only: where segments last when that is no folder; closed with the warehouse. */
  readonly segments?: SegmentStore;
  /** PostgreSQL only: PGPASSWORD, PGPASSFILE, PGSSLMODE and so on. @default none */
  readonly env?: PostgresEnvironment;
  /** Embedded only: nothing can be changed, and SQL reaches no file beyond the segments. @default false */
  readonly readOnly?: boolean;
  /** Of DuckDB, for example `512MB`. @default DuckDB's own */
  readonly memoryLimit?: string;
  /** Of DuckDB. @default the cores */
  readonly threads?: number;
  /** PostgreSQL only. @default 'file' */
  readonly mirror?: 'file' | 'memory';
}

/**
 * Opens the warehouse a URL names: `duckdb:PATH` or `postgresql://…`.
 * @throws WAREHOUSE_URL_INVALID, WAREHOUSE_BUSY, WAREHOUSE_UNREACHABLE and the other WAREHOUSE_* codes
 */
export async function openWarehouse(url: string, options: OpenWarehouseOptions): Promise<Warehouse> {
  const { cwd, env, segmentsDirectory, segments, mirror, readOnly, ...limits } = options;
  const parsed = parseWarehouseUrl(url, cwd);
  if (parsed.engine === 'duckdb')
    return openEmbeddedWarehouse({ path: parsed.path, ...limits, ...(readOnly === undefined ? {} : { readOnly }) });
  const store = segments ?? (segmentsDirectory === undefined ? undefined : folderSegments(segmentsDirectory));
  if (store === undefined)
    throw new SparkifyError('USAGE', {
      detail: `No folder for the segments of ${maskUrl(url)} is known.`,
      fix: 'Set `segments` in sparkify.config.ts.',
    });
  // The driver is loaded by who needs it.
  const { openPostgresWarehouse } = await import('./postgres/warehouse.ts');
  return openPostgresWarehouse({
    url: parsed.url,
    segments: store,
    cwd,
    ...limits,
    ...(env === undefined ? {} : { env }),
    ...(mirror === undefined ? {} : { mirror }),
  });
}
