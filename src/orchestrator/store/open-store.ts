import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';
import type { PostgresEnvironment } from '../../warehouse/postgres/connection-options.ts';
import type { StoreEvent } from '../events/event.ts';
import { OPEN_BUSY_MS, openEmbedded } from './embedded/open.ts';
import { Listeners } from './listeners.ts';
import { migrate } from './migrate.ts';
import { type RetryPatience, type Wait, withRetries } from './retry.ts';
import type { Store, StoreTransaction } from './store.ts';
import { parseStoreUrl } from './store-url.ts';
import { transactOver } from './transact.ts';

export interface OpenStoreOptions {
  /**
   * Where `nowMs` of a transaction comes from. @default the engine's: on PostgreSQL the server's, so that leases and due
   * times mean the same on every machine
   */
  readonly clock?: Clock;
  /** What relative paths are relative to. @default '.' */
  readonly cwd?: string;
  /** libpq's variables, for PostgreSQL. @default {} */
  readonly env?: PostgresEnvironment;
  /** How often an embedded store looks whether another process has changed something, while anybody listens. @default 100 */
  readonly pollMs?: number;
  /** How long `write` waits while another transaction is in its way. @default 30_000 */
  readonly busyMs?: number;
  /** How long `write` waits for a server that is gone. @default 10_000 */
  readonly lostMs?: number;
  /** How long a server is asked for the outcome of a commit whose answer was lost. @default 15_000 */
  readonly askCommitMs?: number;
  /** How long one statement may take on PostgreSQL before its connection counts as lost. @default 60_000 */
  readonly statementMs?: number;
  /** @default a timer */
  readonly wait?: Wait;
}

/**
 * Opens the store of a URL (`sqlite:PATH`, `postgresql://…[?schema=NAME]`) and brings its tables up to date.
 * @throws STORE_URL_INVALID, STORE_OPEN_FAILED, STORE_DAMAGED, STORE_NEWER, STORE_BUSY, STORE_UNREACHABLE, WAREHOUSE_AUTH_FAILED and
 * the like when a server refuses
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<Store> {
  const {
    clock,
    cwd = '.',
    env = {},
    pollMs = 100,
    busyMs = 30_000,
    lostMs = 10_000,
    askCommitMs = 15_000,
    statementMs = 60_000,
    wait = (ms) => pause(ms),
  } = options;
  const parsed = parseStoreUrl(url, cwd);
  const embedded = parsed.engine === 'embedded';
  // The lock of a file is free again soon; transactions of a server that met may meet again.
  const pauses = embedded ? { firstPauseMs: 1, longestPauseMs: 10 } : { firstPauseMs: 5, longestPauseMs: 500 };
  const patience: RetryPatience = { busyMs, lostMs, ...pauses, wait };
  const engine = embedded
    ? // Of two processes that make one file at the same moment, SQLite refuses one at once instead of letting it wait.
      await withRetries(async () => openEmbedded(parsed.path, pollMs), {
        ...patience,
        busyMs: Math.min(busyMs, OPEN_BUSY_MS),
      })
    : await (await postgresEngine()).openPostgres(parsed.url, parsed.schema, {
        env,
        cwd,
        patience,
        askCommitMs,
        statementMs,
      });
  const transact = transactOver(engine, clock === undefined ? undefined : () => clock.nowMs(), patience);
  try {
    await migrate(engine, transact);
  } catch (error) {
    await engine.close();
    throw error;
  }
  const listeners = new Listeners(engine);
  const { capabilities } = engine;
  let closed: Promise<void> | undefined;
  return {
    url: engine.url,
    capabilities,
    db: engine.reader,
    write: async (work) => {
      let told = false;
      const result = await transact(async ({ db, connection, nowMs }) => {
        const events: StoreEvent[] = [];
        const tx: StoreTransaction = {
          db,
          nowMs,
          capabilities,
          all: (text, values) => connection.all(text, values),
          run: (text, values) => connection.run(text, values),
          send: (text, values) => connection.send(text, values),
          emit: (event) => void events.push(event),
        };
        const worked = await work(tx);
        told = events.length > 0;
        if (told) await connection.insertEvents(events, nowMs);
        return worked;
      });
      if (told) listeners.wake();
      return result;
    },
    onChange: (wake) => listeners.add(wake),
    close: () => {
      listeners.close();
      closed ??= engine.close();
      return closed;
    },
  };
}

/** Loaded when it is asked for: an embedded store opens the sooner without its driver. */
function postgresEngine() {
  return import('./postgres/open.ts');
}
