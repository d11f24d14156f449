import type { Socket } from 'node:net';
import pg from 'pg';
import { SparkifyError } from '../../core/errors.ts';
import type { PostgresAddress } from './connection-options.ts';
import { type ErrorPlace, isConnectionLost, translateConnectError } from './errors.ts';
import { connectionName } from './process-name.ts';
import { PostgresSession } from './session.ts';
import { parserOf } from './values.ts';

/** Every session speaks the same way, whatever the server, the database or the role are set to. */
const SESSION_SETTINGS = `
  set timezone = 'UTC';
  set datestyle = 'ISO, YMD';
  set bytea_output = 'hex';
  set extra_float_digits = 1;
  set standard_conforming_strings = on;
  set client_min_messages = warning;
  set statement_timeout = 0;
  set lock_timeout = 0;
  set idle_in_transaction_session_timeout = 0;
`;

const MAX_CONNECTIONS = 8;
/** A connection whose peer vanished is found dead by TCP within about 20 s. */
const KEEP_ALIVE_DELAY_MS = 10_000;

/**
 * A client whose socket ends with a failed attempt to connect. The driver leaves it open when it gives up by itself (no
 * password), and the server would wait a minute for an answer, holding up others.
 */
export class AttemptingClient extends pg.Client {
  override connect(): Promise<this>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: Error) => void): Promise<this> | undefined {
    const attempt = new Promise<this>((resolve, reject) => {
      super.connect((error: Error | undefined) => {
        if (error === undefined || error === null) return resolve(this);
        (this as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
        reject(error);
      });
    });
    if (callback === undefined) return attempt;
    attempt.then(
      () => callback(undefined as unknown as Error),
      (error: Error) => callback(error),
    );
    return undefined;
  }
}

/** How the driver connects to an address. */
export function clientConfig(address: PostgresAddress): pg.ClientConfig {
  const { shown, host, port, user, database, password, tls, connectTimeoutMs } = address;
  return {
    host,
    port,
    user,
    database,
    // A function, because the driver takes a missing password from the environment by itself.
    password: () => {
      if (password !== undefined) return password;
      throw new SparkifyError('WAREHOUSE_AUTH_FAILED', {
        target: shown,
        user,
        detail: 'it wants a password and none was given',
      });
    },
    ssl: tls,
    application_name: connectionName(address.applicationName),
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    types: { getTypeParser: (oid: number) => parserOf(oid) } as unknown as pg.CustomTypesConfig,
  };
}

/** The connections to one server: a pool for short use, and single ones for a lock that must outlive transactions. */
export class PostgresClients {
  readonly place: ErrorPlace;
  readonly #config: pg.ClientConfig;
  readonly #pool: pg.Pool;

  constructor(address: PostgresAddress) {
    const { shown, host, port, user, database } = address;
    this.place = { target: shown, user, database, host, port };
    this.#config = clientConfig(address);
    this.#pool = new pg.Pool({
      ...this.#config,
      Client: AttemptingClient as unknown as new () => pg.ClientBase,
      max: MAX_CONNECTIONS,
      idleTimeoutMillis: 30_000,
      allowExitOnIdle: true,
    });
    // A connection that dies while nobody waits for it is noticed by the next statement, not by the process ending.
    this.#pool.on('error', () => {});
    this.#pool.on('connect', (client) => client.on('error', () => {}));
  }

  /**
   * Runs `work` on a session that begins with `begin`, and gives the connection back; after an error that left it in
   * doubt it is thrown away. A pooled connection that has died in the meantime is replaced once.
   */
  async withSession<T>(begin: string, work: (session: PostgresSession) => Promise<T>): Promise<T> {
    const [client, session] = await this.#begin(begin);
    let broken = false;
    const onEnd = (): void => {
      broken = true;
    };
    client.once('end', onEnd);
    try {
      return await work(session);
    } catch (error) {
      broken ||= isConnectionLost(error) || (error instanceof SparkifyError && error.code === 'COMMIT_UNKNOWN');
      throw error;
    } finally {
      client.off('end', onEnd);
      client.release(broken);
    }
  }

  async #begin(begin: string): Promise<[pg.PoolClient, PostgresSession]> {
    for (let attempt = 1; ; attempt++) {
      const client = await this.#pool.connect().catch((error: unknown) => {
        throw translateConnectError(error, this.place);
      });
      const session = new PostgresSession(client as unknown as pg.Client, this.place);
      try {
        // With every transaction, so that a role's or a pooler's own settings never show through.
        await session.exec(`${SESSION_SETTINGS}; ${begin}`);
        return [client, session];
      } catch (error) {
        client.release(true);
        if (attempt === MAX_CONNECTIONS + 1 || !isConnectionLost(error)) throw error;
      }
    }
  }

  /** A connection of its own, not from the pool; `close` it. */
  async connectAlone(): Promise<{ session: PostgresSession; close: () => Promise<void> }> {
    const client = new AttemptingClient(this.#config);
    client.on('error', () => {});
    try {
      await client.connect();
    } catch (error) {
      throw translateConnectError(error, this.place);
    }
    const session = new PostgresSession(client as pg.Client, this.place);
    await session.exec(SESSION_SETTINGS);
    return { session, close: () => client.end().catch(() => undefined) };
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
