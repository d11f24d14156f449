import { SparkifyError } from '../core/errors.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { LEDGER_FORMAT } from './schema.ts';
import { createLedgerTables, ledger, ledgerFormat } from './transaction.ts';

/** One step forward, in a transaction with the row of `meta` that says it was taken. Never changed once released. */
export interface Migration {
  readonly format: number;
  readonly up: (session: SqlSession, warehouse: Warehouse) => Promise<void>;
}

export const migrations: readonly Migration[] = [
  {
    format: 1,
    up: async (session, { dialect, capabilities }) => {
      await createLedgerTables(session, dialect, capabilities.primaryKeys);
      await session.exec(
        `insert into ${ledger('meta')} (id, format, seq, next_object_id, next_segment_id) select 1, 1, 0, 1, 1 where not exists (select 1 from ${ledger('meta')})`,
      );
    },
  },
];

/**
 * Brings the ledger into being, or forward to this version's format, one transaction a step. Several starters may do so
 * at once: a step that another has taken meanwhile is not taken again.
 * @throws LEDGER_NEWER
 */
export async function ensureLedger(warehouse: Warehouse, steps: readonly Migration[] = migrations): Promise<void> {
  const known = steps.at(-1)?.format ?? LEDGER_FORMAT;
  const found = (await warehouse.read((session) => ledgerFormat(session))) ?? 0;
  if (found > known) throw new SparkifyError('LEDGER_NEWER', { found, known });
  for (const step of steps.filter((s) => s.format > found)) await take(warehouse, step);
}

async function take(warehouse: Warehouse, step: Migration): Promise<void> {
  try {
    await warehouse.transaction(async (session) => {
      const now = await lockedFormat(session);
      if (now !== undefined && now >= step.format) return;
      await step.up(session, warehouse);
      await session.exec(`update ${ledger('meta')} set format = $1`, [step.format]);
    });
  } catch (error) {
    // Before there is a ledger there is nothing to lock: of two that create it at once, one fails.
    const now = await warehouse.read((session) => ledgerFormat(session));
    if (now === undefined || now < step.format) throw error;
  }
}

/** The format under the ledger's lock, once there is a ledger. */
async function lockedFormat(session: SqlSession): Promise<number | undefined> {
  if ((await ledgerFormat(session)) === undefined) return undefined;
  await session.exec(`update ${ledger('meta')} set seq = seq where id = 1`);
  return ledgerFormat(session);
}
