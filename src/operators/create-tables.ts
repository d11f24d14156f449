import { ident } from '../core/quoting.ts';
import type { ResolvedPipeline } from '../pipeline/define.ts';
import { createTableSql } from '../warehouse/ddl.ts';
import { duckdbDialect } from '../warehouse/duckdb/dialect.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';

/** Schema of a pipeline's star in its warehouse. */
export function starSchema(warehouse: Warehouse, pipeline: ResolvedPipeline): string {
  return pipeline.schema ?? warehouse.dialect.defaultSchema;
}

/** Schema of a pipeline's star in the compute engine. */
export function computeSchema(warehouse: Warehouse, pipeline: ResolvedPipeline): string {
  return (
    pipeline.schema ?? (warehouse.capabilities.embedded ? warehouse.dialect.defaultSchema : duckdbDialect.defaultSchema)
  );
}

async function missingTables(
  session: SqlSession,
  schema: string,
  names: readonly string[],
): Promise<readonly string[]> {
  const rows = await session.all<{ table_name: string }>(
    'select table_name from information_schema.tables where table_schema = $1',
    [schema],
  );
  const there = new Set(rows.map((r) => r.table_name));
  return names.filter((n) => !there.has(n));
}

/** Creates the tables of the star (and of the staging, where it is tables) that are missing; their names. */
export async function createTables(warehouse: Warehouse, pipeline: ResolvedPipeline): Promise<readonly string[]> {
  const schema = starSchema(warehouse, pipeline);
  const tables = [...(warehouse.capabilities.stagingInPlace ? [] : pipeline.stagings), ...pipeline.tables];
  const names = tables.map((t) => t.name);
  const missing = await warehouse.read((s) => missingTables(s, schema, names));
  if (missing.length > 0) {
    await warehouse.transaction(async (session) => {
      await session.exec(`create schema if not exists ${ident(schema)}`);
      for (const table of tables) {
        if (!missing.includes(table.name)) continue;
        await session.exec(
          createTableSql(warehouse.dialect, schema, table, { primaryKeys: warehouse.capabilities.primaryKeys }),
        );
      }
    });
  }
  if (!warehouse.capabilities.embedded) await createMirrorTables(warehouse, pipeline);
  return missing;
}

async function createMirrorTables(warehouse: Warehouse, pipeline: ResolvedPipeline): Promise<void> {
  const schema = computeSchema(warehouse, pipeline);
  await warehouse.compute.transaction(async (session) => {
    await session.exec(`create schema if not exists ${ident(schema)}`);
    const missing = await missingTables(
      session,
      schema,
      pipeline.tables.map((t) => t.name),
    );
    for (const table of pipeline.tables) {
      if (missing.includes(table.name))
        await session.exec(createTableSql(duckdbDialect, schema, table, { primaryKeys: false }));
    }
  });
}
