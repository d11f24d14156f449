import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from 'kysely';
import { type RetryPatience, withRetries } from '../retry.ts';
import type { PostgresConnection } from './connection.ts';
import type { PostgresDriver } from './driver.ts';

/** A user of the reader: has a connection of its own only within a transaction. */
class Reading implements DatabaseConnection {
  readonly #driver: PostgresDriver;
  readonly #patience: RetryPatience;
  held: PostgresConnection | undefined;

  constructor(driver: PostgresDriver, patience: RetryPatience) {
    this.#driver = driver;
    this.#patience = patience;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { held } = this;
    if (held !== undefined) return held.executeQuery<R>(query);
    return withRetries(async () => {
      const connection = await this.#driver.acquireConnection();
      try {
        return await connection.executeQuery<R>(query);
      } finally {
        await this.#driver.releaseConnection(connection);
      }
    }, this.#patience);
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(query);
  }

  begin(): Promise<void> {
    return withRetries(async () => {
      const connection = await this.#driver.acquireConnection();
      try {
        // One moment for all that the transaction reads.
        await connection.query('begin isolation level repeatable read read only');
      } catch (error) {
        await this.#driver.releaseConnection(connection);
        throw error;
      }
      this.held = connection;
    }, this.#patience);
  }

  async end(): Promise<void> {
    const { held } = this;
    if (held === undefined) return;
    this.held = undefined;
    await this.#driver.rollbackTransaction(held);
    await this.#driver.releaseConnection(held);
  }
}

/** Kysely's driver for reading: a statement that loses its connection is carried out on another one. */
export class PostgresReadingDriver implements Driver {
  readonly #driver: PostgresDriver;
  readonly #patience: RetryPatience;

  constructor(driver: PostgresDriver, patience: RetryPatience) {
    this.#driver = driver;
    this.#patience = patience;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return new Reading(this.#driver, this.#patience);
  }

  async releaseConnection(): Promise<void> {}

  beginTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as Reading).begin();
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as Reading).end();
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return (connection as Reading).end();
  }

  destroy(): Promise<void> {
    return this.#driver.destroy();
  }
}
