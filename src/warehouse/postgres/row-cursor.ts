import type { Connection, Submittable } from 'pg';
import type { ResultBatch, SqlValue } from '../session.ts';
import { parserOf, toPostgres, typeNameOf, uniqueNames } from './values.ts';

/** The driver's connection as a submittable query sees it; its own type declarations leave these out. */
interface WireConnection {
  parse(message: { text: string; name?: string }): void;
  bind(message: { values: readonly (string | Buffer | null)[]; valueMapper: (value: unknown) => unknown }): void;
  describe(message: { type: 'P'; name: string }): void;
  execute(message: { portal: string; rows: number }): void;
  close(message: { type: 'P'; name: string }): void;
  flush(): void;
  sync(): void;
}

interface Field {
  readonly name: string;
  readonly dataTypeID: number;
}

interface Waiter {
  readonly resolve: (batch: ResultBatch | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A result read in pages through the unnamed portal; the server waits between pages.
 * States: fetching (a page is under way) → suspended (`next` fetches on) → … → ended | failed. The connection serves
 * nobody else before it is ended, failed or closed.
 */
export class RowCursor implements Submittable {
  readonly #text: string;
  readonly #values: readonly SqlValue[];
  readonly #pageRows: number;
  #connection: WireConnection | undefined;
  #state: 'fetching' | 'suspended' | 'closing' | 'ended' | 'failed' = 'fetching';
  #columns: ResultBatch['columns'] = [];
  #parsers: readonly ((text: string) => SqlValue)[] = [];
  #rows: SqlValue[][] = [];
  #error: unknown;
  #waiter: Waiter | undefined;

  constructor(text: string, values: readonly SqlValue[], pageRows: number) {
    this.#text = text;
    this.#values = values;
    this.#pageRows = pageRows;
  }

  /** The next page; undefined after the last. Call it again only when it has answered. */
  next(): Promise<ResultBatch | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      if (this.#state === 'suspended' && this.#rows.length === 0) {
        this.#state = 'fetching';
        this.#connection!.execute({ portal: '', rows: this.#pageRows });
        this.#connection!.flush();
      }
      this.#settle();
    });
  }

  /** Gives the connection back, also in the middle of the result. */
  async close(): Promise<void> {
    if (this.#state !== 'suspended') return;
    this.#state = 'closing';
    this.#rows = [];
    this.#connection!.close({ type: 'P', name: '' });
    this.#connection!.sync();
    await new Promise<void>((resolve) => {
      const done = (): void => resolve();
      this.#waiter = { resolve: done, reject: done };
    });
  }

  submit(connection: Connection): void {
    const wire = connection as unknown as WireConnection;
    this.#connection = wire;
    wire.parse({ text: this.#text });
    wire.bind({ values: this.#values.map(toPostgres), valueMapper: (value) => value });
    wire.describe({ type: 'P', name: '' });
    wire.execute({ portal: '', rows: this.#pageRows });
    wire.flush();
  }

  handleRowDescription(message: { readonly fields: readonly Field[] }): void {
    const names = uniqueNames(message.fields.map((f) => f.name));
    this.#columns = message.fields.map((f, i) => ({ name: names[i]!, type: typeNameOf(f.dataTypeID) }));
    this.#parsers = message.fields.map((f) => parserOf(f.dataTypeID));
  }

  handleDataRow(message: { readonly fields: readonly (string | null)[] }): void {
    this.#rows.push(message.fields.map((text, i) => (text === null ? null : this.#parsers[i]!(text))));
  }

  handlePortalSuspended(): void {
    this.#state = 'suspended';
    this.#settle();
  }

  handleCommandComplete(): void {
    this.#connection!.sync();
  }

  handleEmptyQuery(): void {
    this.#connection!.sync();
  }

  handleCopyInResponse(connection: { sendCopyFail(message: string): void }): void {
    connection.sendCopyFail('COPY FROM STDIN has no rows here');
  }

  handleCopyData(): void {}

  handleReadyForQuery(): void {
    if (this.#state !== 'failed') this.#state = 'ended';
    this.#settle();
  }

  handleError(error: unknown): void {
    this.#state = 'failed';
    this.#error = error;
    // Without it the server would go on skipping messages.
    this.#connection?.sync();
    this.#settle();
  }

  #settle(): void {
    const waiter = this.#waiter;
    if (waiter === undefined || this.#state === 'fetching') return;
    this.#waiter = undefined;
    const rows = this.#rows;
    this.#rows = [];
    if (this.#state === 'failed') waiter.reject(this.#error);
    else if (rows.length === 0 && this.#state === 'ended') waiter.resolve(undefined);
    else waiter.resolve({ columns: this.#columns, rows });
  }

  /** Known from the first page on. */
  get columns(): ResultBatch['columns'] {
    return this.#columns;
  }
}
