import { ident, qualified } from '../core/quoting.ts';
import type { Dialect } from '../warehouse/dialect.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { LEDGER_SCHEMA, type LedgerTable, ledgerTables } from './schema.ts';

/** A table of the ledger, qualified and quoted. */
export function ledger(table: (typeof ledgerTables)[number]['name']): string {
  return qualified(LEDGER_SCHEMA, table);
}

/** A transaction that holds the ledger's lock: ledger transactions of all processes follow one another. */
export interface LedgerTransaction {
  readonly session: SqlSession;
  /** Number of this transaction; every row it writes carries it. */
  readonly seq: number;
}

function createLedgerTable(dialect: Dialect, table: LedgerTable, primaryKeys: boolean): string {
  const columns = Object.entries(table.columns).map(([name, type]) => `${ident(name)} ${dialect.type(type)}`);
  const key = primaryKeys ? [`primary key (${table.key.map(ident).join(', ')})`] : [];
  return `create table if not exists ${qualified(LEDGER_SCHEMA, table.name)} (${[...columns, ...key].join(', ')})`;
}

/** Creates the ledger's tables in a session where they are missing; with primary keys where the engine uses them. */
export async function createLedgerTables(session: SqlSession, dialect: Dialect, primaryKeys: boolean): Promise<void> {
  await session.exec(`create schema if not exists ${ident(LEDGER_SCHEMA)}`);
  for (const table of ledgerTables) await session.exec(createLedgerTable(dialect, table, primaryKeys));
}

/** Reads the ledger's format; undefined when there is no ledger yet. */
export async function ledgerFormat(session: SqlSession): Promise<number | undefined> {
  const there = await session.all<{ n: number }>(
    `select count(*) as n from information_schema.tables where table_schema = '${LEDGER_SCHEMA}' and table_name = 'meta'`,
  );
  if (there[0]!.n === 0) return undefined;
  const rows = await session.all<{ format: number }>(`select format from ${ledger('meta')}`);
  return rows[0]?.format;
}

/** Takes the ledger's lock in a transaction that is under way; it holds until that ends. */
export async function lockLedger(session: SqlSession): Promise<LedgerTransaction> {
  await session.exec(`update ${ledger('meta')} set seq = seq + 1 where id = 1`);
  const [row] = await session.all<{ seq: number }>(`select seq from ${ledger('meta')} where id = 1`);
  return { session, seq: row!.seq };
}

/** Runs `work` under the ledger's lock, in one transaction. */
export async function ledgerTransaction<T>(
  warehouse: Warehouse,
  work: (tx: LedgerTransaction) => Promise<T>,
): Promise<T> {
  return warehouse.transaction(async (session) => work(await lockLedger(session)));
}

export interface ReservedIds {
  readonly segmentId: number;
  readonly firstObjectId: number;
}

/** Takes ids for a segment and its objects; what a crash leaves unused is never used. */
export async function reserveIds(tx: LedgerTransaction, objects: number): Promise<ReservedIds> {
  const [row] = await tx.session.all<{ o: number; s: number }>(
    `select next_object_id as o, next_segment_id as s from ${ledger('meta')} where id = 1`,
  );
  await tx.session.exec(
    `update ${ledger('meta')} set next_object_id = next_object_id + $1, next_segment_id = next_segment_id + 1 where id = 1`,
    [objects],
  );
  return { segmentId: row!.s, firstObjectId: row!.o };
}

/** The next free number of an id column; safe under the ledger's lock. */
export async function nextId(
  tx: LedgerTransaction,
  table: (typeof ledgerTables)[number]['name'],
  column: string,
): Promise<number> {
  const [row] = await tx.session.all<{ id: number }>(
    `select coalesce(max(${ident(column)}), 0) + 1 as id from ${ledger(table)}`,
  );
  return row!.id;
}
