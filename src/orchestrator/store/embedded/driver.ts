import type { DatabaseConnection, Driver, TransactionSettings } from 'kysely';
import { ident } from '../../../core/quoting.ts';
import { Turns } from '../turns.ts';
import type { EmbeddedConnection } from './connection.ts';

/**
 * Kysely's driver over one connection, handed from one user to the next in the order they asked. `begin` is what a
 * transaction begins with: `begin immediate` takes the file's write lock at once, so no statement within meets it.
 */
export class EmbeddedDriver implements Driver {
  readonly #connection: EmbeddedConnection;
  readonly #begin: 'begin' | 'begin immediate';
  readonly #turns: Turns;

  constructor(connection: EmbeddedConnection, begin: 'begin' | 'begin immediate') {
    this.#connection = connection;
    this.#begin = begin;
    this.#turns = new Turns(connection.path, 1);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    await this.#turns.take();
    return this.#connection;
  }

  async releaseConnection(): Promise<void> {
    this.#turns.give();
  }

  async beginTransaction(_: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    this.#connection.query(settings.accessMode === 'read only' ? 'begin' : this.#begin);
  }

  async commitTransaction(): Promise<void> {
    this.#connection.query('commit');
  }

  async rollbackTransaction(): Promise<void> {
    // A full disk or a failed write may have rolled back already.
    if (this.#connection.inTransaction) this.#connection.query('rollback');
  }

  async savepoint(_: DatabaseConnection, name: string): Promise<void> {
    this.#connection.query(`savepoint ${ident(name)}`);
  }

  async rollbackToSavepoint(_: DatabaseConnection, name: string): Promise<void> {
    this.#connection.query(`rollback to ${ident(name)}`);
  }

  async releaseSavepoint(_: DatabaseConnection, name: string): Promise<void> {
    this.#connection.query(`release ${ident(name)}`);
  }

  async destroy(): Promise<void> {
    this.#connection.close();
  }
}
