import type { DatabaseConnection, Driver } from 'kysely';
import { ident } from '../../../core/quoting.ts';
import { Turns } from '../turns.ts';
import type { EmbeddedConnection } from './connection.ts';

export interface EmbeddedDriverOptions {
  readonly path: string;
  /** Connections in use at once; they are opened when they are needed. */
  readonly places: number;
  readonly open: () => EmbeddedConnection;
  /** `begin immediate` takes the file's write lock at once, so no statement within the transaction meets it. */
  readonly begin: 'begin' | 'begin immediate';
}

/** Kysely's driver over the connections of a file, which go to their users in the order they asked. */
export class EmbeddedDriver implements Driver {
  readonly #options: EmbeddedDriverOptions;
  readonly #turns: Turns;
  readonly #idle: EmbeddedConnection[] = [];

  constructor(options: EmbeddedDriverOptions) {
    this.#options = options;
    this.#turns = new Turns(options.path, options.places);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<EmbeddedConnection> {
    await this.#turns.take();
    try {
      return this.#idle.pop() ?? this.#options.open();
    } catch (error) {
      this.#turns.give();
      throw error;
    }
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    this.#idle.push(connection as EmbeddedConnection);
    this.#turns.give();
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    (connection as EmbeddedConnection).query(this.#options.begin);
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    (connection as EmbeddedConnection).query('commit');
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const own = connection as EmbeddedConnection;
    // A full disk or a failed write may have rolled back already.
    if (own.inTransaction) own.query('rollback');
  }

  async savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    (connection as EmbeddedConnection).query(`savepoint ${ident(name)}`);
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    (connection as EmbeddedConnection).query(`rollback to ${ident(name)}`);
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    (connection as EmbeddedConnection).query(`release ${ident(name)}`);
  }

  /** Lets what is under way end. */
  async destroy(): Promise<void> {
    await this.#turns.end();
    for (const connection of this.#idle.splice(0)) connection.close();
  }
}
