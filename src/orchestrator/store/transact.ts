import type { Transaction } from 'kysely';
import type { StoreEngine, WritingConnection } from './engine.ts';
import { type RetryPatience, withRetries } from './retry.ts';
import type { StoreTables } from './tables.ts';

export interface Transacting {
  readonly db: Transaction<StoreTables>;
  readonly connection: WritingConnection;
  /** Of the clock given, else of the engine's machine. */
  readonly nowMs: number;
}

export type Transact = <T>(work: (transacting: Transacting) => Promise<T>) => Promise<T>;

/** One transaction of the engine's writer, tried again as long as patience lasts. */
export function transactOver(
  engine: StoreEngine,
  nowMs: (() => number) | undefined,
  patience: RetryPatience,
): Transact {
  return (work) =>
    withRetries(
      () =>
        engine.writer.transaction().execute(async (db) => {
          // Fetched, not held: Kysely lets no statement through while somebody holds the connection.
          const connection = (await db.getExecutor().provideConnection(async (c) => c)) as unknown as WritingConnection;
          return work({ db, connection, nowMs: nowMs?.() ?? connection.engineNowMs });
        }),
      patience,
    );
}
