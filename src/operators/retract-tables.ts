import { ident, qualified } from '../core/quoting.ts';
import { pipelineRow } from '../ledger/pipelines.ts';
import { ledger, ledgerTransaction } from '../ledger/transaction.ts';
import { dropBatch } from '../star/apply.ts';
import { losersTable, standTable, winnersTable } from '../star/names.ts';
import { dropTableSql } from '../warehouse/ddl.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { RunOptions, RunState } from './run-state.ts';
import { withRun } from './with-run.ts';

/** `reset` leaves the tables, empty; `drop` takes them away. */
export type Retraction = 'reset' | 'drop';

/**
 * Retracts everything a pipeline has published: V and C become empty, and with them the star, in one transaction. The
 * objects count as unread again; the ledger keeps what was read and checked before.
 * @returns the names of the tables
 */
export function retractTables(options: RunOptions, how: Retraction): Promise<readonly string[]> {
  // As with a rebuild, a definition that changed is no obstacle, and the mirror need not be brought up first.
  return withRun({ ...options, rebuild: true }, async (state) => {
    const { warehouse, pipeline } = options;
    const tables = [...(warehouse.capabilities.stagingInPlace ? [] : pipeline.stagings), ...pipeline.tables];
    const names = tables.map((t) => t.name);
    await dropBatch(state.session, pipeline.name, state.computeSchema, pipeline.tables);
    // The mirror forgets first: whatever happens next, it then derives its star anew from the ledger.
    if (!warehouse.capabilities.embedded) await warehouse.compute.transaction((s) => forgetState(state, s));
    await ledgerTransaction(warehouse, async (tx) => {
      const row = (await pipelineRow(tx.session, pipeline.name))!;
      const present = await presentTables(tx.session, state.schema);
      for (const name of names.filter((n) => present.has(n))) {
        if (how === 'drop') await tx.session.exec(dropTableSql(state.schema, name));
        else await tx.session.exec(`delete from ${qualified(state.schema, name)}`);
      }
      const own = [tx.seq, pipeline.name] as const;
      await tx.session.exec(
        `update ${ledger('objects')} set state = case state when 'live' then 'retired' else 'abandoned' end, retired_epoch = case state when 'live' then ${row.epoch + 1} end, seq = $1
         where pipeline = $2 and state in ('live', 'staged')`,
        own,
      );
      await tx.session.exec(
        `update ${ledger('segments')} set state = 'retired', seq = $1 where pipeline = $2 and state = 'live'`,
        own,
      );
      await tx.session.exec(`delete from ${ledger('coverage')} where pipeline = $1`, [pipeline.name]);
      await tx.session.exec(
        `update ${ledger('batches')} set state = 'superseded', seq = $1 where pipeline = $2 and state in ('open', 'audited', 'failed')`,
        own,
      );
      await tx.session.exec(
        `update ${ledger('pipelines')} set epoch = epoch + 1, definition_hash = null, definition = null, published_at_ms = null, seq = $1 where pipeline = $2`,
        own,
      );
      if (warehouse.capabilities.embedded) await forgetState(state, tx.session);
    });
    return names;
  });
}

async function presentTables(session: SqlSession, schema: string): Promise<ReadonlySet<string>> {
  const rows = await session.all<{ table_name: string }>(
    'select table_name from information_schema.tables where table_schema = $1',
    [schema],
  );
  return new Set(rows.map((r) => r.table_name));
}

/** Takes away what the compute engine remembers of the pipeline. */
async function forgetState(state: RunState, session: SqlSession): Promise<void> {
  const { pipeline, warehouse } = state.options;
  await session.exec(`delete from ${losersTable(pipeline.name)}`);
  await session.exec(`delete from ${standTable} where pipeline = $1`, [pipeline.name]);
  for (const table of pipeline.tables) {
    if (table.kind === 'dimension')
      await session.exec(`drop table if exists ${winnersTable(pipeline.name, table.name)}`);
    if (!warehouse.capabilities.embedded)
      await session.exec(`drop table if exists ${ident(state.computeSchema)}.${ident(table.name)}`);
  }
}
