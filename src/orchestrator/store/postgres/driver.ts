import type { DatabaseConnection, Driver } from 'kysely';
import type pg from 'pg';
import { isSparkifyError, SparkifyError } from '../../../core/errors.ts';
import { ident } from '../../../core/quoting.ts';
import { type Wait, withRetries } from '../retry.ts';
import { Turns } from '../turns.ts';
import { PostgresConnection, type PostgresShared } from './connection.ts';
import { translateConnect } from './errors.ts';

/** How long a lost commit is asked for. */
const ASK_COMMIT_MS = 15_000;

/**
 * Kysely's driver over a pool. A commit whose answer is lost is asked for by the transaction's id on another connection:
 * committed counts as done, aborted as a lost connection (so it may be tried again), and only what cannot be asked is unknown.
 */
export class PostgresDriver implements Driver {
  readonly #pool: pg.Pool;
  readonly #shared: PostgresShared;
  readonly #wait: Wait;
  readonly #settings: string;
  readonly #turns: Turns;
  readonly #connections = new WeakMap<pg.PoolClient, PostgresConnection>();

  /**
   * `places`: connections in use at once; the pool must have room for twice as many, the others ask for lost commits.
   * `settings`: statements that every new connection begins with.
   */
  constructor(
    pool: pg.Pool,
    shared: PostgresShared,
    options: { readonly places: number; readonly settings: string; readonly wait: Wait },
  ) {
    this.#pool = pool;
    this.#shared = shared;
    this.#turns = new Turns(shared.place.target, options.places);
    this.#settings = options.settings;
    this.#wait = options.wait;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<PostgresConnection> {
    // The pool's own queue would take a wait for other work for a server that does not answer.
    await this.#turns.take();
    try {
      return await this.#connect();
    } catch (error) {
      this.#turns.give();
      throw error;
    }
  }

  async #connect(): Promise<PostgresConnection> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw translateConnect(error, this.#shared.place);
    });
    const known = this.#connections.get(client);
    if (known?.broken === true) {
      client.release(true);
      return this.#connect();
    }
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
    this.#turns.give();
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await (connection as PostgresConnection).begin();
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    const own = connection as PostgresConnection;
    try {
      await own.commit();
    } catch (error) {
      if (!own.broken) throw error;
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
    // Not by turns: the place of the lost commit is still taken.
    const connection = await this.#connect();
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
      connection.client.release(connection.broken);
    }
  }
}
