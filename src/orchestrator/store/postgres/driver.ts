import type { DatabaseConnection, Driver } from 'kysely';
import type pg from 'pg';
import { isSparkifyError, SparkifyError } from '../../../core/errors.ts';
import { ident } from '../../../core/quoting.ts';
import { type Wait, withRetries } from '../retry.ts';
import { PostgresConnection, type PostgresShared } from './connection.ts';
import { translateConnect } from './errors.ts';

/** How long a lost commit is asked for. */
const ASK_COMMIT_MS = 15_000;

/** Every transaction reads what is committed, whatever the server or the role are set to, and learns the server's time. */
const BEGIN =
  'begin isolation level read committed; select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms';

/**
 * Kysely's driver over a pool. A commit whose answer is lost is asked for by the transaction's id on another connection:
 * committed counts as done, aborted as a lost connection (so it may be tried again), and only what cannot be asked is unknown.
 */
export class PostgresDriver implements Driver {
  readonly #pool: pg.Pool;
  readonly #shared: PostgresShared;
  readonly #wait: Wait;
  readonly #settings: string;
  readonly #connections = new WeakMap<pg.PoolClient, PostgresConnection>();

  /** `settings`: statements that every new connection begins with. */
  constructor(pool: pg.Pool, shared: PostgresShared, settings: string, wait: Wait) {
    this.#pool = pool;
    this.#shared = shared;
    this.#settings = settings;
    this.#wait = wait;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<PostgresConnection> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw translateConnect(error, this.#shared.place);
    });
    const known = this.#connections.get(client);
    if (known !== undefined) return known;
    const connection = new PostgresConnection(client, this.#shared);
    try {
      await connection.query(this.#settings);
    } catch (error) {
      client.release(true);
      throw error;
    }
    this.#connections.set(client, connection);
    return connection;
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    const { client, broken } = connection as PostgresConnection;
    client.release(broken);
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    const own = connection as PostgresConnection;
    own.xid = undefined;
    const results = (await own.query(BEGIN)) as unknown as readonly pg.QueryResult<{ now_ms: number }>[];
    own.engineNowMs = results[1]!.rows[0]!.now_ms;
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    const own = connection as PostgresConnection;
    if (own.xid === undefined) {
      const { rows } = await own.query<{ xid: string | null }>('select pg_current_xact_id_if_assigned()::text as xid');
      own.xid = rows[0]!.xid ?? undefined;
    }
    try {
      const { command } = await own.query('commit');
      // What a server answers to the commit of a transaction in which a statement had failed.
      if (command === 'ROLLBACK')
        throw new SparkifyError('INTERNAL', { detail: 'a statement failed and its error was not passed on' });
    } catch (error) {
      if (!own.broken) throw error;
      // Without an id it changed nothing.
      if (own.xid === undefined) return;
      if ((await this.#fateOf(own.xid, error)) !== 'committed') throw error;
    }
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const own = connection as PostgresConnection;
    // The error that led here is the one to tell; a connection that cannot roll back is thrown away.
    if (!own.broken)
      await own.query('rollback').catch(() => {
        own.broken = true;
      });
  }

  async savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await (connection as PostgresConnection).query(`savepoint ${ident(name)}`);
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await (connection as PostgresConnection).query(`rollback to ${ident(name)}`);
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await (connection as PostgresConnection).query(`release ${ident(name)}`);
  }

  async destroy(): Promise<void> {
    await this.#pool.end();
  }

  async #fateOf(xid: string, cause: unknown): Promise<string> {
    try {
      return await withRetries(() => this.#askStatus(xid), {
        busyMs: ASK_COMMIT_MS,
        lostMs: ASK_COMMIT_MS,
        firstPauseMs: 20,
        longestPauseMs: 500,
        wait: this.#wait,
      });
    } catch (error) {
      const detail = `${this.#shared.place.target} cannot be asked: ${isSparkifyError(error) ? error.message : String(error)}`;
      throw new SparkifyError('STORE_COMMIT_UNKNOWN', { detail }, { cause });
    }
  }

  async #askStatus(xid: string): Promise<string> {
    const connection = await this.acquireConnection();
    try {
      const { rows } = await connection.query<{ status: string | null }>('select pg_xact_status($1::xid8) as status', [
        xid,
      ]);
      const status = rows[0]!.status ?? 'forgotten';
      // The server may not have noticed yet that its client is gone.
      if (status === 'in progress')
        throw new SparkifyError('STORE_BUSY', {
          store: this.#shared.place.target,
          detail: 'the commit is still in progress',
        });
      return status;
    } finally {
      await this.releaseConnection(connection);
    }
  }
}
