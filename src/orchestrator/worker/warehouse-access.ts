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
        this.#opened ??= this.#opening.open();
        try {
          return await this.#opened;
        } catch (error) {
          this.#opened = undefined;
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
    if (this.#users > 0 || idleMs === undefined) return;
    this.#cancelClose?.();
    this.#cancelClose = this.#timers.later(idleMs, () => {
      this.#cancelClose = undefined;
      if (this.#users === 0) void this.#close();
    });
  }

  /** Opens it anew for the next run: an embedded engine that met a fatal error serves no statement any more. */
  async renew(): Promise<void> {
    if (this.#users === 0) await this.#close();
  }

  /** After its users have released it. */
  async close(): Promise<void> {
    this.#cancelClose?.();
    this.#cancelClose = undefined;
    await this.#close();
  }

  #close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    this.#closing = this.#closing.then(async () => {
      await (await opened?.catch(() => undefined))?.close();
    });
    return this.#closing;
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
