import { join } from 'node:path';
import { errorText, SparkifyError } from '../../core/errors.ts';
import type { Owner, SegmentStore } from '../../segments/store.ts';
import type { Capabilities } from '../capabilities.ts';
import type { DuckDatabase } from '../duckdb/database.ts';
import type { SqlSession } from '../session.ts';
import type { TableRef, Warehouse } from '../warehouse.ts';
import { PostgresClients } from './clients.ts';
import { type PostgresEnvironment, resolveAddress } from './connection-options.ts';
import { postgresDialect } from './dialect.ts';
import { isConnectionLost } from './errors.ts';
import { load } from './load.ts';
import { type Mirror, openMirror } from './mirror.ts';
import { lockPipeline, type PipelineLockOptions } from './pipeline-lock.ts';
import { PostgresSession } from './session.ts';

export interface PostgresWarehouseOptions {
  /** `postgresql://user@host:port/database?sslmode=…` */
  readonly url: string;
  /** Closed with the warehouse. The local mirror and the files under way lie in its folder too. */
  readonly segments: SegmentStore;
  /** PGPASSWORD, PGPASSFILE, PGSSLMODE and so on. @default none */
  readonly env?: PostgresEnvironment;
  /** What relative certificate paths are relative to. @default '.' */
  readonly cwd?: string;
  /** Of the local DuckDB, for example `512MB`. @default DuckDB's own */
  readonly memoryLimit?: string;
  /** Of the local DuckDB. @default the cores */
  readonly threads?: number;
  /** Where the local DuckDB keeps its copy of the ledger. @default 'file' (`mirror.duckdb` in the folder of the segments) */
  readonly mirror?: 'file' | 'memory';
}

const OLDEST_VERSION = 140_000;

const capabilities: Capabilities = {
  embedded: false,
  stagingInPlace: false,
  swapTables: false,
  concurrentProcesses: true,
  primaryKeys: true,
  parallelLoads: 2,
};

/**
 * Opens a warehouse in PostgreSQL ≥ 14.
 * @throws WAREHOUSE_URL_INVALID, WAREHOUSE_UNREACHABLE, WAREHOUSE_AUTH_FAILED, WAREHOUSE_DATABASE_MISSING,
 *   WAREHOUSE_TLS_FAILED, WAREHOUSE_OPEN_FAILED
 */
export async function openPostgresWarehouse(options: PostgresWarehouseOptions): Promise<Warehouse> {
  const { segments, ...others } = options;
  const address = await resolveAddress(options.url, options);
  const clients = new PostgresClients(address);
  try {
    await checkServer(clients);
    const mirror = await openMirror({ ...others, directory: segments.directory });
    return new PostgresWarehouse(clients, mirror, address.shown, segments);
  } catch (error) {
    await clients.close();
    throw error;
  }
}

class PostgresWarehouse implements Warehouse {
  readonly url: string;
  readonly capabilities = capabilities;
  readonly dialect = postgresDialect;
  readonly compute: DuckDatabase;
  readonly segments: SegmentStore;
  readonly #clients: PostgresClients;
  readonly #mirror: Mirror;

  constructor(clients: PostgresClients, mirror: Mirror, url: string, segments: SegmentStore) {
    this.#clients = clients;
    this.#mirror = mirror;
    this.compute = mirror.database;
    this.url = url;
    this.segments = segments;
  }

  /** By the server's own identifier, which a copy of its files has too, and a restored dump has not, and by the database's. */
  async identity(): Promise<Owner> {
    const [database] = await this.read((s) =>
      s.all<{ oid: number; may: boolean }>(
        "select oid::bigint as oid, has_function_privilege('pg_catalog.pg_control_system()', 'execute') as may from pg_catalog.pg_database where datname = current_database()",
      ),
    );
    const [server] = database!.may
      ? await this.read((s) =>
          s.all<{ id: string }>('select system_identifier::text as id from pg_catalog.pg_control_system()'),
        )
      : [{ id: 'a server that does not say' }];
    return { id: `${server!.id}/${database!.oid}`, shown: this.url };
  }

  read<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#clients.withSession('begin isolation level repeatable read, read only', async (session) => {
      try {
        return await work(session);
      } finally {
        await session.exec('rollback').catch(() => undefined);
      }
    });
  }

  transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#clients.withSession('begin', async (session) => {
      let result: T;
      try {
        result = await work(session);
      } catch (error) {
        await session.exec('rollback').catch(() => undefined);
        throw error;
      }
      await commit(session);
      return result;
    });
  }

  load(session: SqlSession, table: TableRef, select: string): Promise<number> {
    if (!(session instanceof PostgresSession))
      throw new SparkifyError('INTERNAL', { detail: 'a load needs a session of the same warehouse' });
    return load(this.compute, session, table, select, join(this.segments.directory, 'tmp'));
  }

  lockPipeline(pipeline: string, options: PipelineLockOptions): Promise<() => Promise<void>> {
    return lockPipeline(this.#clients, pipeline, options);
  }

  async close(): Promise<void> {
    await this.#mirror.close();
    await this.segments.close();
    await this.#clients.close();
  }
}

async function commit(session: PostgresSession): Promise<void> {
  let tag: string;
  try {
    tag = await session.command('commit');
  } catch (error) {
    if (isConnectionLost(error))
      throw new SparkifyError('COMMIT_UNKNOWN', { detail: errorText(error) }, { cause: error });
    throw error;
  }
  // After a failed statement the server answers COMMIT with a rollback, and without an error.
  if (tag === 'ROLLBACK')
    throw new SparkifyError('SQL_FAILED', { detail: 'a statement before it had failed', statement: 'commit' });
}

async function checkServer(clients: PostgresClients): Promise<void> {
  const [server] = await clients.withSession('begin read only', async (session) => {
    const rows = await session.all<{ version: number; encoding: string }>(
      "select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding",
    );
    await session.exec('rollback');
    return rows;
  });
  const refuse = (detail: string): never => {
    throw new SparkifyError('WAREHOUSE_OPEN_FAILED', { target: clients.place.target, detail });
  };
  if (server!.version < OLDEST_VERSION)
    refuse(`the server is PostgreSQL ${Math.floor(server!.version / 10_000)}; 14 or newer is needed`);
  if (server!.encoding !== 'UTF8')
    refuse(`the database is encoded in ${server!.encoding}; UTF8 is needed (create database … encoding 'UTF8')`);
}
