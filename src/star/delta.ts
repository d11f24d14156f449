import { ident, identList, literal, qualified } from '../core/quoting.ts';
import type { StarTable } from '../pipeline/tables.ts';
import { createTableSql } from '../warehouse/ddl.ts';
import { duckdbDialect } from '../warehouse/duckdb/dialect.ts';
import type { SqlSession } from '../warehouse/session.ts';
import type { StarContext } from './context.ts';
import { batchTable, batchTableName, nextTableName } from './names.ts';

/** Rows that a batch adds to a table, changes in it and removes from it. */
export interface Delta {
  readonly table: string;
  /** `replace`: the whole new content stands beside the table; `merge`: rows to remove and rows to add do; `none`: nothing can differ. */
  readonly mode: 'replace' | 'merge' | 'none';
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
}

export async function tableExists(context: StarContext, schema: string, name: string): Promise<boolean> {
  const [{ n } = { n: 0 }] = await context.session.all<{ n: number }>(
    `select count(*) as n from duckdb_tables() where database_name = current_database() and schema_name = ${literal(schema)} and table_name = ${literal(name)}`,
  );
  return n > 0;
}

/** The tables of a schema of the compute engine. */
export async function tablesOf(session: SqlSession, schema: string): Promise<ReadonlySet<string>> {
  const rows = await session.all<{ table_name: string }>(
    `select table_name from duckdb_tables() where database_name = current_database() and schema_name = ${literal(schema)}`,
  );
  return new Set(rows.map((r) => r.table_name));
}

/** Is there nothing yet that a new content would have to be merged into? */
export async function startsEmpty(context: StarContext, table: StarTable): Promise<boolean> {
  if (context.rebuild) return true;
  const there = context.tables?.has(table.name) ?? (await tableExists(context, context.schema, table.name));
  if (!there) return true;
  const rows = await context.session.all(`select 1 as one from ${qualified(context.schema, table.name)} limit 1`);
  return rows.length === 0;
}

/** Writes the table's whole new content, the rows of one SELECT after the other, beside it. A NULL where none may be is for the checks to find and show: NOT NULL is set when it takes its place. */
export async function writeNext(context: StarContext, table: StarTable, ...rows: readonly string[]): Promise<Delta> {
  const name = nextTableName(table.name);
  await context.session.exec(`drop table if exists ${qualified(context.schema, name)}`);
  await context.session.exec(
    createTableSql(
      duckdbDialect,
      context.schema,
      { ...table, name, columns: table.columns.map((c) => ({ ...c, nullable: true })) },
      { primaryKeys: false },
    ),
  );
  let added = 0;
  for (const part of rows)
    added += await context.session.exec(`insert into ${qualified(context.schema, name)} ${part}`);
  return { table: table.name, mode: 'replace', added, changed: 0, removed: await countOld(context, table) };
}

async function countOld(context: StarContext, table: StarTable): Promise<number> {
  if (!(await tableExists(context, context.schema, table.name))) return 0;
  const [{ n } = { n: 0 }] = await context.session.all<{ n: number }>(
    `select count(*) as n from ${qualified(context.schema, table.name)}`,
  );
  return n;
}

/**
 * Writes what differs between the new rows of some keys and the rows the table has for them.
 * @param rows SELECT of the table's columns, in order: the new rows
 * @param touched SELECT of the key columns (duplicates allowed) of all rows that may go
 */
export async function writeMerge(
  context: StarContext,
  table: StarTable,
  rows: string,
  touched: string,
): Promise<Delta> {
  const { session, pipeline } = context;
  const add = batchTable(pipeline.name, 'add', table.name);
  const remove = batchTable(pipeline.name, 'remove', table.name);
  const columns = identList(table.columns.map((c) => c.name));
  const keys = identList(table.key);
  const newRows = ident(`new:${table.name}`);
  const oldRows = ident(`old:${table.name}`);
  const touchedKeys = ident(`touched:${table.name}`);
  await session.exec(`create or replace temp table ${newRows} as select distinct ${columns} from (${rows})`);
  await session.exec(
    `create or replace temp table ${touchedKeys} as select ${keys} from (${touched}) union select ${keys} from ${newRows}`,
  );
  const between = await keyBounds(context, touchedKeys, table);
  await session.exec(
    `create or replace temp table ${oldRows} as select ${columns} from ${qualified(context.schema, table.name)} s semi join ${touchedKeys} t using (${keys}) where ${between}`,
  );
  await session.exec(
    `create or replace table ${add} as select ${columns} from ${newRows} except select ${columns} from ${oldRows}`,
  );
  await session.exec(
    `create or replace table ${remove} as select ${columns} from ${oldRows} except select ${columns} from ${newRows}`,
  );
  await session.exec([newRows, oldRows, touchedKeys].map((t) => `drop table ${t}`).join('; '));
  return countMerge(context, table);
}

async function countMerge(context: StarContext, table: StarTable): Promise<Delta> {
  const add = batchTable(context.pipeline.name, 'add', table.name);
  const remove = batchTable(context.pipeline.name, 'remove', table.name);
  const keys = identList(table.key);
  const [counts] = await context.session.all<{ a: number; r: number; c: number }>(
    `select (select count(*) from ${add}) as a, (select count(*) from ${remove}) as r, (select count(*) from ${add} x semi join ${remove} y using (${keys})) as c`,
  );
  const { a, r, c } = counts!;
  return { table: table.name, mode: 'merge', added: a - c, changed: c, removed: r - c };
}

/** Literal bounds of the first key column, so that the scan of a large table can skip most of it. */
export async function keyBounds(context: StarContext, keysTable: string, table: StarTable): Promise<string> {
  const first = table.columns.find((c) => c.name === table.key[0])!;
  if (first.type !== 'bigint' && first.type !== 'integer' && first.type !== 'timestamp') return 'true';
  const column = ident(first.name);
  const [bounds] = await context.session.all<{ low: string | null; high: string | null }>(
    `select cast(min(${column}) as varchar) as low, cast(max(${column}) as varchar) as high from ${keysTable}`,
  );
  if (bounds === undefined || bounds.low === null || bounds.high === null) return 'true';
  const value = (v: string) => (first.type === 'timestamp' ? `timestamp ${literal(v)}` : v);
  // A NULL key would not be found by its bounds; keys are declared not null and checked.
  return `s.${column} between ${value(bounds.low)} and ${value(bounds.high)}`;
}

/** The delta that a batch left behind, when it left one. */
export async function findDelta(context: StarContext, table: StarTable): Promise<Delta | undefined> {
  if (await tableExists(context, context.schema, nextTableName(table.name))) {
    const [{ n } = { n: 0 }] = await context.session.all<{ n: number }>(
      `select count(*) as n from ${qualified(context.schema, nextTableName(table.name))}`,
    );
    return { table: table.name, mode: 'replace', added: n, changed: 0, removed: await countOld(context, table) };
  }
  if (await tableExists(context, 'sparkify_batch', batchTableName(context.pipeline.name, 'add', table.name)))
    return countMerge(context, table);
  return undefined;
}

/**
 * The table as it will be after the publish, as a SELECT of its columns; `undefined` deltas leave it as it is.
 */
export function mergedSql(context: StarContext, table: StarTable, delta: Delta | undefined): string {
  const columns = identList(table.columns.map((c) => c.name));
  const star = qualified(context.schema, table.name);
  if (delta === undefined || delta.mode === 'none') return `select ${columns} from ${star}`;
  if (delta.mode === 'replace') return `select ${columns} from ${qualified(context.schema, nextTableName(table.name))}`;
  const add = batchTable(context.pipeline.name, 'add', table.name);
  const remove = batchTable(context.pipeline.name, 'remove', table.name);
  return `select ${columns} from ${star} anti join (select ${identList(table.key)} from ${remove}) r using (${identList(table.key)}) union all select ${columns} from ${add}`;
}
