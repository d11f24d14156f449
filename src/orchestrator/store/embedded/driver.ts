import type { DatabaseConnection, Driver, TransactionSettings } from 'kysely';
import { SparkifyError } from '../../../core/errors.ts';
import { ident } from '../../../core/quoting.ts';
import type { EmbeddedConnection } from './connection.ts';

/** How long a user waits for the connection, before it is said that somebody never gives it back. */
const MAX_QUEUE_MS = 60_000;

/**
 * Kysely's driver over one connection, handed from one user to the next in the order they asked. `begin` is what a
 * transaction begins with: `begin immediate` takes the file's write lock at once, so no statement within meets it.
 */
export class EmbeddedDriver implements Driver {
  readonly #connection: EmbeddedConnection;
  readonly #begin: 'begin' | 'begin immediate';
  readonly #waiting: (() => void)[] = [];
  #taken = false;

  constructor(connection: EmbeddedConnection, begin: 'begin' | 'begin immediate') {
    this.#connection = connection;
    this.#begin = begin;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    if (this.#taken) await this.#turn();
    this.#taken = true;
    return this.#connection;
  }

  async releaseConnection(): Promise<void> {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken = false;
    else next();
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

  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        const detail = 'another write of this process has not ended for a minute; is this one inside of it?';
        reject(new SparkifyError('STORE_BUSY', { store: this.#connection.path, detail }));
      }, MAX_QUEUE_MS);
      this.#waiting.push(go);
    });
  }
}
