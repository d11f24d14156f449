import type pg from 'pg';
import { ident } from '../../../core/quoting.ts';
import { AttemptingClient } from '../../../warehouse/postgres/clients.ts';

/** A connection that is silent is asked so often whether it is still there. */
const PING_MS = 20_000;
const PING_TIMEOUT_MS = 10_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5000;

/**
 * Listens on a connection of its own and comes back when that is lost: connecting → listening → lost → (pause) → connecting.
 * Each time it begins to listen it says "changed", because it may have missed something.
 */
export class PostgresListener {
  readonly #config: pg.ClientConfig;
  readonly #channel: string;
  readonly #instance: string;
  readonly #changed: () => void;
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #ended = false;

  constructor(
    config: pg.ClientConfig,
    shared: { readonly channel: string; readonly instance: string },
    changed: () => void,
  ) {
    this.#config = { ...config, query_timeout: PING_TIMEOUT_MS };
    this.#channel = shared.channel;
    this.#instance = shared.instance;
    this.#changed = changed;
    void this.#connect();
  }

  /** Ends for good. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#client?.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const client = new AttemptingClient(this.#config);
    this.#client = client;
    let lost = false;
    const onLost = (): void => {
      if (lost) return;
      lost = true;
      client.end().catch(() => undefined);
      if (this.#ended) return;
      this.#later(this.#pauseMs, () => void this.#connect());
      this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    };
    client.on('error', onLost);
    client.on('end', onLost);
    client.on('notification', ({ payload }) => {
      if (payload !== this.#instance) this.#changed();
    });
    try {
      await client.connect();
      await client.query(`listen ${ident(this.#channel)}`);
    } catch {
      return onLost();
    }
    if (this.#ended) return void client.end().catch(() => undefined);
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#changed();
    this.#ping(client, onLost);
  }

  #ping(client: pg.Client, onLost: () => void): void {
    this.#later(PING_MS, () => {
      client.query('select 1').then(() => {
        if (!this.#ended) this.#ping(client, onLost);
      }, onLost);
    });
  }

  #later(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, ms);
    this.#timer.unref();
  }
}
