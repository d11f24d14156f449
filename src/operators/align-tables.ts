import { ident, qualified } from '../core/quoting.ts';
import type { ResolvedPipeline } from '../pipeline/define.ts';
import type { StarTable } from '../pipeline/tables.ts';
import { reshapeTable } from '../warehouse/reshape.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { starSchema } from './create-tables.ts';

interface Column {
  readonly column_name: string;
  readonly data_type: string;
  readonly is_nullable: string;
}

async function columnsOf(session: SqlSession, schema: string, table: string): Promise<readonly Column[]> {
  return session.all<Column>(
    'select column_name, data_type, is_nullable from information_schema.columns where table_schema = $1 and table_name = $2 order by ordinal_position',
    [schema, table],
  );
}

/**
 * Makes star tables anew that an earlier definition made and nothing was ever published into: until then it may change as
 * it likes. A table that holds rows is left alone.
 */
export async function alignEmptyTables(warehouse: Warehouse, pipeline: ResolvedPipeline): Promise<void> {
  const schema = starSchema(warehouse, pipeline);
  await warehouse.transaction(async (session) => {
    for (const table of pipeline.tables) {
      const there = await columnsOf(session, schema, table.name);
      if (there.length === 0 || (await shapeOf(session, schema, table.name, there)) === shapeNow(warehouse, table))
        continue;
      const rows = await session.all(`select 1 as one from ${qualified(schema, table.name)} limit 1`);
      if (rows.length === 0) await reshapeTable(session, warehouse, schema, table);
    }
  });
}

async function shapeOf(
  session: SqlSession,
  schema: string,
  table: string,
  columns: readonly Column[],
): Promise<string> {
  const key = await session.all<{ column_name: string }>(
    `select k.column_name from information_schema.key_column_usage k join information_schema.table_constraints c
       on c.constraint_schema = k.constraint_schema and c.constraint_name = k.constraint_name and c.table_name = k.table_name
     where k.table_schema = $1 and k.table_name = $2 and c.constraint_type = 'PRIMARY KEY' order by k.ordinal_position`,
    [schema, table],
  );
  const texts = columns.map((c) => [c.column_name, c.data_type.replace(/ without time zone$/, ''), c.is_nullable]);
  return JSON.stringify([texts, key.map((k) => k.column_name)]);
}

function shapeNow({ dialect, capabilities }: Warehouse, table: StarTable): string {
  const texts = table.columns.map((c) => [
    c.name,
    dialect.type(c.type).replace(/ collate .*/, ''),
    c.nullable && !(capabilities.primaryKeys && table.key.includes(c.name)) ? 'YES' : 'NO',
  ]);
  return JSON.stringify([texts, capabilities.primaryKeys ? table.key : []]);
}

/**
 * Gives staging tables the columns of a changed definition, before the objects are read again under it: columns are
 * added, columns of another type made anew, and those that are no longer read, or no longer required, may stay empty.
 */
export async function alignStagingTables(warehouse: Warehouse, pipeline: ResolvedPipeline): Promise<void> {
  if (warehouse.capabilities.stagingInPlace) return;
  const schema = starSchema(warehouse, pipeline);
  await warehouse.transaction(async (session) => {
    for (const staging of pipeline.stagings) {
      const there = await columnsOf(session, schema, staging.name);
      const table = qualified(schema, staging.name);
      for (const column of staging.columns) {
        const type = warehouse.dialect.type(column.type);
        const found = there.find((t) => t.column_name === column.name);
        if (found?.data_type === type.replace(/ collate .*/, '')) continue;
        if (found !== undefined) await session.exec(`alter table ${table} drop column ${ident(column.name)}`);
        await session.exec(`alter table ${table} add column ${ident(column.name)} ${type}`);
      }
      const filled = new Set(['_object', '_row', ...staging.columns.filter((c) => c.required).map((c) => c.name)]);
      for (const { column_name: name } of there.filter((t) => t.is_nullable === 'NO' && !filled.has(t.column_name))) {
        await session.exec(`alter table ${table} alter column ${ident(name)} drop not null`);
      }
    }
  });
}
