import { ident, qualified } from '../core/quoting.ts';
import { duckdbDialect } from '../warehouse/duckdb/dialect.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { LEDGER_FORMAT, LEDGER_SCHEMA, ledgerTables } from './schema.ts';
import { createLedgerTables, ledger, ledgerFormat } from './transaction.ts';

/** What the derivation reads of the ledger. */
const mirrored = ledgerTables.filter(
  (t) => t.name === 'objects' || t.name === 'segments' || t.name === 'coverage' || t.name === 'pipelines',
);

/**
 * Brings the mirror's copy of the ledger up to the warehouse's; nothing to do for an embedded warehouse. The ledger in
 * the warehouse is the truth; the copy only saves asking for it.
 */
export async function mirrorLedger(warehouse: Warehouse): Promise<void> {
  if (warehouse.capabilities.embedded) return;
  const compute = await warehouse.compute.connect();
  try {
    const format = await ledgerFormat(compute);
    if (format !== undefined && format !== LEDGER_FORMAT)
      await compute.exec(`drop schema ${ident(LEDGER_SCHEMA)} cascade`);
    await createLedgerTables(compute, duckdbDialect, false);
  } finally {
    compute.close();
  }
  await warehouse.compute.transaction(async (copy) => {
    await copy.exec(
      `insert into ${ledger('meta')} (id, format, seq) select 1, ${LEDGER_FORMAT}, 0 where not exists (select 1 from ${ledger('meta')})`,
    );
    const [{ seq: known } = { seq: 0 }] = await copy.all<{ seq: number }>(`select seq from ${ledger('meta')}`);
    await warehouse.read(async (truth) => {
      const [{ seq } = { seq: 0 }] = await truth.all<{ seq: number }>(`select seq from ${ledger('meta')}`);
      if (seq === known) return;
      // Objects and segments are only ever added or updated; the small tables are copied whole.
      for (const table of mirrored)
        await copyTable(truth, copy, table, table.name === 'objects' || table.name === 'segments' ? known : 0);
      await copy.exec(`update ${ledger('meta')} set seq = $1`, [seq]);
    });
  });
}

async function copyTable(
  truth: SqlSession,
  copy: SqlSession,
  table: (typeof mirrored)[number],
  since: number,
): Promise<void> {
  const columns = Object.keys(table.columns);
  const from = qualified(LEDGER_SCHEMA, table.name);
  const rows = await truth.all<Record<string, string | number | null>>(
    `select ${columns.map(ident).join(', ')} from ${from} where seq > $1 or $1 = 0`,
    [since],
  );
  if (since === 0) {
    await copy.exec(`delete from ${from}`);
  } else if (rows.length > 0) {
    const key = table.key[0];
    await copy.exec(`delete from ${from} where ${ident(key)} in (${rows.map((r) => Number(r[key])).join(', ')})`);
  }
  await copy.insertRows(
    LEDGER_SCHEMA,
    table.name,
    columns,
    rows.map((r) => columns.map((c) => r[c] ?? null)),
  );
}
