import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ensureLedger, type Migration, migrations } from '../../src/ledger/migrations.ts';
import { LEDGER_SCHEMA, ledgerTables } from '../../src/ledger/schema.ts';
import { ledger, ledgerFormat } from '../../src/ledger/transaction.ts';
import { engines, type TestWarehouse } from '../warehouse/engines.ts';

describe.each(engines)('the ledger of $name', ({ open }) => {
  let at: TestWarehouse;
  beforeEach(async () => {
    at = await open();
  });
  afterEach(async () => at.dispose());

  const format = () => at.warehouse.read((session) => ledgerFormat(session));
  /** A step as a later version will have it. */
  const next: Migration = {
    format: migrations.length + 1,
    up: async (session) => {
      await session.exec(`alter table ${ledger('batches')} add column note varchar(20)`);
    },
  };

  test('comes into being once, whoever starts first', async () => {
    const starters = at.warehouse.capabilities.concurrentProcesses ? 3 : 1;
    await Promise.all(Array.from({ length: starters }, () => ensureLedger(at.warehouse)));
    await ensureLedger(at.warehouse);
    expect(await format()).toBe(migrations.at(-1)!.format);
    expect(await at.warehouse.read((s) => s.all(`select id from ${ledger('meta')}`))).toHaveLength(1);
  });

  test('has primary keys where the engine uses them', async () => {
    await ensureLedger(at.warehouse);
    const keys = await at.warehouse.read((s) =>
      s.all(
        `select table_name from information_schema.table_constraints where table_schema = '${LEDGER_SCHEMA}' and constraint_type = 'PRIMARY KEY'`,
      ),
    );
    expect(keys).toHaveLength(at.warehouse.capabilities.primaryKeys ? ledgerTables.length : 0);
  });

  test('goes forward step by step and keeps what is in it', async () => {
    await ensureLedger(at.warehouse);
    await at.warehouse.transaction((s) =>
      s.exec(`insert into ${ledger('batches')} (batch_id, pipeline) values (7, 'p')`),
    );
    await ensureLedger(at.warehouse, [...migrations, next]);
    await ensureLedger(at.warehouse, [...migrations, next]);
    expect(await format()).toBe(next.format);
    const rows = await at.warehouse.read((s) => s.all(`select batch_id, note from ${ledger('batches')}`));
    expect(rows).toEqual([{ batch_id: 7, note: null }]);
  });

  test('a step that fails leaves the format before it', async () => {
    await ensureLedger(at.warehouse);
    const broken: Migration = {
      format: next.format,
      up: async (session) => {
        await next.up(session, at.warehouse);
        await session.exec('select no_such_column');
      },
    };
    await expect(ensureLedger(at.warehouse, [...migrations, broken])).rejects.toThrow();
    expect(await format()).toBe(migrations.at(-1)!.format);
    await ensureLedger(at.warehouse, [...migrations, next]);
    expect(await format()).toBe(next.format);
  });

  test('a newer ledger is refused', async () => {
    await ensureLedger(at.warehouse, [...migrations, next]);
    await expect(ensureLedger(at.warehouse)).rejects.toMatchObject({ code: 'LEDGER_NEWER', exitCode: 3 });
  });
});
