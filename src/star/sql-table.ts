import { ident, identList, qualified } from '../core/quoting.ts';
import type { SqlTable } from '../pipeline/tables.ts';
import type { StarContext } from './context.ts';
import { type Delta, findDelta, mergedSql, startsEmpty, writeMerge, writeNext } from './delta.ts';
import { starTypeSql } from './lookup.ts';

/** The delta of a table of free SQL: recomputed over the star as it will be, published by difference. */
export async function deriveSqlTable(context: StarContext, table: SqlTable): Promise<Delta> {
  const rows = await overMergedStar(context, table.name, table.sql);
  const cast = `select ${table.columns.map((c) => `cast(${ident(c.name)} as ${starTypeSql[c.type]}) as ${ident(c.name)}`).join(', ')} from (${rows})`;
  if (await startsEmpty(context, table)) return writeNext(context, table, cast);
  return writeMerge(
    context,
    table,
    cast,
    `select ${identList(table.key)} from ${qualified(context.schema, table.name)}`,
  );
}

/** The statement with every table of the star standing for its state after the publish. */
export async function overMergedStar(context: StarContext, except: string | undefined, sql: string): Promise<string> {
  const ctes: string[] = [];
  for (const table of context.pipeline.tables) {
    if (table.name === except) continue;
    ctes.push(`${ident(table.name)} as (${mergedSql(context, table, await findDelta(context, table))})`);
  }
  return `with ${ctes.join(', ')} select * from (${sql})`;
}
