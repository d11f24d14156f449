import { isSparkifyError } from '../../core/errors.ts';
import type { Timers } from '../../core/timers.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';

/** How a worker comes to its warehouse. */
export interface WarehouseOpening {
  readonly open: () => Promise<Warehouse>;
  /** Closed after so long without a run, so that other commands may have an embedded file. @default kept */
  readonly idleMs?: number;
}

export interface Waiting {
  readonly signal: AbortSignal;
  /** Told once, when somebody else has it. */
  readonly onWait: (reason: string) => void;
}

/** How often a file is asked for that another process has. */
const BUSY_MS = 200;

/** A warehouse that is opened when the first run needs it. */
export class WarehouseAccess {
  readonly #opening: WarehouseOpening;
  readonly #timers: Timers;
  #opened: Promise<Warehouse> | undefined;
  #users = 0;
  #spoilt = false;
  #cancelClose: (() => void) | undefined;
  #closing: Promise<void> = Promise.resolve();

  constructor(opening: WarehouseOpening, timers: Timers) {
    this.#opening = opening;
    this.#timers = timers;
  }

  /**
   * The warehouse, until `release`; waits while another process has its file.
   * @throws WAREHOUSE_*; the signal's reason
   */
  async acquire(waiting: Waiting): Promise<Warehouse> {
    this.#users++;
    this.#cancelClose?.();
    this.#cancelClose = undefined;
    try {
      await this.#closing;
      for (let told = false; ; ) {
        waiting.signal.throwIfAborted();
        const opened = this.#opened ?? this.#opening.open();
        this.#opened = opened;
        try {
          return await opened;
        } catch (error) {
          if (this.#opened === opened) this.#opened = undefined;
          if (!isSparkifyError(error) || error.code !== 'WAREHOUSE_BUSY') throw error;
          if (!told) waiting.onWait(`waiting: ${error.message}`);
          told = true;
          await pause(this.#timers, BUSY_MS, waiting.signal);
        }
      }
    } catch (error) {
      this.release();
      throw error;
    }
  }

  release(): void {
    this.#users--;
    const { idleMs } = this.#opening;
    if (this.#users > 0) return;
    if (this.#spoilt) this.#closeSoon();
    else if (idleMs !== undefined)
      this.#cancelClose = this.#timers.later(idleMs, () => {
        this.#cancelClose = undefined;
        if (this.#users === 0) this.#closeSoon();
      });
  }

  /** An embedded engine that met a fatal error serves no statement any more: the next user opens it anew. */
  spoil(): void {
    this.#spoilt = true;
    if (this.#users === 0) this.#closeSoon();
  }

  /** After its users have released it. */
  async close(): Promise<void> {
    this.#cancelClose?.();
    this.#cancelClose = undefined;
    await this.#close();
  }

  /** What cannot be closed properly is gone all the same. */
  #closeSoon(): void {
    this.#close().catch(() => undefined);
  }

  #close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    this.#spoilt = false;
    const closed = this.#closing.then(async () => {
      await (await opened?.catch(() => undefined))?.close();
    });
    this.#closing = closed.catch(() => undefined);
    return closed;
  }
}

function pause(timers: Timers, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      cancel();
      reject(signal.reason);
    };
    const cancel = timers.later(ms, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    signal.addEventListener('abort', abort, { once: true });
  });
}
