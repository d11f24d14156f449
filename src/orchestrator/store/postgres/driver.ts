import type { DatabaseConnection, Driver } from 'kysely';
import type pg from 'pg';
import { isSparkifyError, SparkifyError } from '../../../core/errors.ts';
import { ident } from '../../../core/quoting.ts';
import { type RetryPatience, withRetries } from '../retry.ts';
import { Turns } from '../turns.ts';
import { PostgresConnection, type PostgresShared } from './connection.ts';
import { translateConnect } from './errors.ts';

const END_SESSION = `
  select pg_terminate_backend(pid) from pg_stat_activity where pid = $1::int and extract(epoch from backend_start)::text = $2`;

/**
 * Kysely's driver over a pool. Whether a commit was made whose answer is lost is seen on another connection by the mark it
 * left, once the lost connection has ended on the server too: made counts as done, not made as a lost connection (so it may
 * be tried again), and only what cannot be asked is unknown. The transaction's number would not do: after a crash the
 * server gives it to another one.
 */
export class PostgresDriver implements Driver {
  readonly #pool: pg.Pool;
  readonly #shared: PostgresShared;
  readonly #askPatience: RetryPatience;
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
    options: { readonly places: number; readonly settings: string; readonly askPatience: RetryPatience },
  ) {
    this.#pool = pool;
    this.#shared = shared;
    this.#turns = new Turns(shared.place.target, options.places);
    this.#settings = options.settings;
    this.#askPatience = options.askPatience;
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
      await connection.start(this.#settings);
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
      if (!(await this.#wasCommitted(own, error))) throw error;
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

  /** Lets what is under way end. */
  async destroy(): Promise<void> {
    await this.#turns.end();
    await this.#pool.end();
  }

  async #wasCommitted(lost: PostgresConnection, cause: unknown): Promise<boolean> {
    try {
      return await withRetries(() => this.#askCommit(lost), this.#askPatience);
    } catch (error) {
      const detail = `${this.#shared.place.target} cannot be asked: ${isSparkifyError(error) ? error.message : String(error)}`;
      throw new SparkifyError('STORE_COMMIT_UNKNOWN', { detail }, { cause });
    }
  }

  async #askCommit({ name, mark, session }: PostgresConnection): Promise<boolean> {
    // Not by turns: the place of the lost connection is still taken.
    const connection = await this.#connect();
    try {
      // The server may not have noticed that its client is gone, and have the commit still before it.
      const { rowCount } = await connection.query(END_SESSION, [session.pid, session.began]);
      if (rowCount !== 0)
        throw new SparkifyError('STORE_BUSY', {
          store: this.#shared.place.target,
          detail: 'the connection that was lost has not ended on the server',
        });
      const { rows } = await connection.query<{ mark: number }>('select mark from commits where connection = $1', [
        name,
      ]);
      return rows[0]?.mark === mark;
    } finally {
      connection.client.release(connection.broken);
    }
  }
}
