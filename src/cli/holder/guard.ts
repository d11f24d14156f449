import { SparkifyError } from '../../core/errors.ts';
import type { SqlSession } from '../../warehouse/session.ts';

/** Table functions that look at values or at the catalogue, and reach no file. */
const HARMLESS = new Set([
  'range',
  'generate_series',
  'unnest',
  'repeat',
  'repeat_row',
  'json_each',
  'json_tree',
  'histogram',
  'duckdb_columns',
  'duckdb_constraints',
  'duckdb_databases',
  'duckdb_functions',
  'duckdb_keywords',
  'duckdb_memory',
  'duckdb_schemas',
  'duckdb_sequences',
  'duckdb_tables',
  'duckdb_types',
  'duckdb_views',
  'pragma_table_info',
  'pragma_version',
]);

const READERS = new Set(['read_parquet', 'parquet_scan']);

type Node = Readonly<Record<string, unknown>>;

/**
 * Lets a reader's statement pass only if it is one statement that reads the tables and the segments, as a warehouse that
 * is opened read-only would: the process that writes to the warehouse must reach other files, its readers must not. The
 * engine's own parser tells what the statement is; what it cannot tell is refused.
 * @throws USAGE, SQL_FAILED
 */
export async function requireReading(parser: SqlSession, sql: string, segmentsDirectory: string): Promise<void> {
  if (/^use "(?:[^"]|"")*"$/.test(sql)) return;
  const view = /^create or replace temp view "(?:[^"]|"")+" as /.exec(sql)?.[0] ?? '';
  const explained = view === '' ? (/^\s*explain\b(?:\s+analyze\b|\s*\([a-z_,\s]*\))*\s*/i.exec(sql)?.[0] ?? '') : view;
  const [row] = await parser.all<{ tree: string }>('select json_serialize_sql($1::varchar) as tree', [
    sql.slice(explained.length),
  ]);
  const tree = JSON.parse(row!.tree) as Node;
  if (tree.error === true) {
    if (tree.error_type === 'parser')
      throw new SparkifyError('SQL_FAILED', {
        detail: `Parser Error: ${String(tree.error_message)}`,
        statement: sql.slice(0, 300),
      });
    throw refusal('only statements that begin with select, with, from, values, describe, summarize or explain are');
  }
  if (!Array.isArray(tree.statements) || tree.statements.length !== 1) throw refusal('only one statement is');
  for (const node of nodesOf(tree.statements)) {
    if (node.type === 'BASE_TABLE' || node.type === 'SHOW_REF') await requireTable(parser, node);
    if (node.type === 'TABLE_FUNCTION') requireHarmless(node.function as Node, segmentsDirectory);
  }
}

function* nodesOf(value: unknown): Generator<Node> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value as Node;
  for (const child of Object.values(value)) yield* nodesOf(child);
}

/** Where there is no such table, the engine takes `'data.csv'` and also `data.csv` for a file. */
async function requireTable(parser: SqlSession, node: Node): Promise<void> {
  const { schema_name: schema, table_name: table } = node as { schema_name?: string; table_name?: string };
  if (table === undefined || (!schema && /^[^./\\:*?[]*$/.test(table))) return;
  const found = await parser.all(
    `select 1 from (select schema_name, table_name from duckdb_tables() union all select schema_name, view_name from duckdb_views())
     where lower(schema_name) = lower($1) and lower(table_name) = lower($2)`,
    [schema || 'main', table],
  );
  if (found.length === 0) throw refusal('no file but the segments, and no table that is not there, is');
}

function requireHarmless(call: Node, segmentsDirectory: string): void {
  const name = String(call.function_name).toLowerCase();
  if (HARMLESS.has(name)) return;
  if (!READERS.has(name)) throw refusal(`the table function ${name} is not`);
  const [files, ...settings] = call.children as readonly Node[];
  const list = files?.function_name === 'list_value' ? (files.children as readonly Node[]) : [files!];
  const inside = (file: Node): boolean => {
    const path = (file.value as Node | undefined)?.value;
    return (
      file.class === 'CONSTANT' &&
      typeof path === 'string' &&
      path.startsWith(`${segmentsDirectory}/`) &&
      !path.split(/[/\\]/).includes('..')
    );
  };
  if (!list.every(inside) || settings.some((s) => s.class !== 'COMPARISON'))
    throw refusal('no file but the segments is');
}

function refusal(what: string): SparkifyError {
  return new SparkifyError('USAGE', {
    detail: `While another command writes to the warehouse, ${what} read through it.`,
    fix: 'Write it in another way, or run it when that command has ended.',
  });
}
