import { ident } from '../core/quoting.ts';
import type { Staging } from '../pipeline/tables.ts';
import { duckdbDialect } from '../warehouse/duckdb/dialect.ts';

/**
 * The MD5 (hex) of a record's canonical text over the staging's columns in their declared order: `N` for NULL, else
 * `V`, the length in bytes, `:` and the text. It depends on what was read, never on where or when.
 */
export function contentHashSql(staging: Staging, alias: string): string {
  const parts = staging.columns.map((c) => {
    const column = `${alias}.${ident(c.name)}`;
    const text = duckdbDialect.canonicalText(column, c.type);
    return `case when ${column} is null then 'N' else 'V' || strlen(${text}) || ':' || ${text} end`;
  });
  return `md5(concat(${parts.join(', ')}))`;
}
