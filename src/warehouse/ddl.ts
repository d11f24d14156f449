import { ident, literal, qualified } from '../core/quoting.ts';
import type { Staging, StarTable } from '../pipeline/tables.ts';
import type { Dialect } from './dialect.ts';
import type { AnyTable } from './warehouse.ts';

/** Columns in front of a staging table's own: the ledger's object id, and the row among the object's staged rows. */
export const STAGING_PROVENANCE = ['_object', '_row'] as const;

export interface TableSqlOptions {
  /** Declare the key as PRIMARY KEY; see `Capabilities.primaryKeys`. */
  readonly primaryKeys: boolean;
  /** Says `if not exists`. @default false */
  readonly ifNotExists?: boolean;
  /** Another name than the table's own, for one that is built beside it. */
  readonly name?: string;
}

interface ColumnSql {
  readonly name: string;
  readonly sql: string;
  readonly doc: string;
}

/** `create table` with its comments: one or more statements, each ending in `;` and a line feed. */
export function createTableSql(dialect: Dialect, schema: string, table: AnyTable, options: TableSqlOptions): string {
  const name = qualified(schema, options.name ?? table.name);
  const columns = columnsOf(dialect, table);
  const widest = Math.max(...columns.map((c) => ident(c.name).length));
  const lines = columns.map((c) => `  ${ident(c.name).padEnd(widest)} ${c.sql}`);
  const key = table.kind === 'staging' ? STAGING_PROVENANCE : table.key;
  if (options.primaryKeys) lines.push(`  primary key (${key.map(ident).join(', ')})`);
  const exists = options.ifNotExists === true ? 'if not exists ' : '';
  return [
    `create table ${exists}${name} (\n${lines.join(',\n')}\n);`,
    `comment on table ${name} is ${literal(tableComment(table))};`,
    ...columns
      .filter((c) => c.doc !== '')
      .map((c) => `comment on column ${name}.${ident(c.name)} is ${literal(c.doc)};`),
    '',
  ].join('\n');
}

/** `drop table if exists`. */
export function dropTableSql(schema: string, name: string): string {
  return `drop table if exists ${qualified(schema, name)};\n`;
}

function columnsOf(dialect: Dialect, table: AnyTable): readonly ColumnSql[] {
  if (table.kind === 'staging') {
    return [
      {
        name: '_object',
        sql: `${dialect.type('bigint')} not null`,
        doc: 'The object it was read from, in sparkify_ledger.objects',
      },
      {
        name: '_row',
        sql: `${dialect.type('bigint')} not null`,
        doc: 'Its place among the staged rows of that object, from 0',
      },
      ...table.columns.map((c) => ({
        name: c.name,
        sql: `${dialect.type(c.type)}${c.required ? ' not null' : ''}`,
        doc: c.doc,
      })),
    ];
  }
  return table.columns.map((c) => ({
    name: c.name,
    sql: `${dialect.type(c.type)}${c.nullable ? '' : ' not null'}`,
    doc: c.references === undefined ? c.doc : `${c.doc} → ${c.references}`,
  }));
}

function tableComment(table: AnyTable): string {
  const rationale = table.kind === 'staging' ? '' : table.rationale;
  return rationale === '' ? table.doc : `${table.doc}\n${rationale}`;
}

export interface PrintDdlOptions {
  readonly dialect: Dialect;
  readonly schema: string;
  readonly primaryKeys: boolean;
  /** Staging is read in place from the segments, so that it has no tables; see `Capabilities.stagingInPlace`. */
  readonly stagingInPlace: boolean;
  readonly pipeline: string;
}

/** A whole SQL file that makes a pipeline's tables by hand: runs as it stands on that engine. */
export function printDdl(
  tables: { readonly stagings: readonly Staging[]; readonly tables: readonly StarTable[] },
  options: PrintDdlOptions,
): string {
  const { dialect, schema, primaryKeys, stagingInPlace, pipeline } = options;
  const engine = { duckdb: 'DuckDB', postgres: 'PostgreSQL' }[dialect.name];
  const head = [
    `-- The tables of pipeline ${oneLine(pipeline)}, for ${engine}.`,
    '-- Generated from the pipeline’s definition; change it there. Timestamps are UTC, text compares by bytes.',
    '',
    `create schema if not exists ${ident(schema)};`,
  ].join('\n');
  const staging = stagingInPlace
    ? '-- Staging tables are views over the Parquet segments here; they come with the first run.'
    : tables.stagings.map((t) => section(dialect, schema, t, primaryKeys)).join('\n\n');
  const sections = [head, staging, ...tables.tables.map((t) => section(dialect, schema, t, primaryKeys))];
  return `${sections.join('\n\n')}\n`;
}

const KINDS: Readonly<Record<AnyTable['kind'], string>> = {
  staging: 'staging',
  fact: 'fact',
  dimension: 'dimension',
  calendar: 'calendar',
  sql: 'derived by SQL',
};

function section(dialect: Dialect, schema: string, table: AnyTable, primaryKeys: boolean): string {
  const key = table.kind === 'staging' ? 'staged record' : table.key.join(', ');
  const rationale = table.kind === 'staging' || table.rationale === '' ? [] : [comment(table.rationale)];
  return [
    `-- ${oneLine(table.name)}: ${KINDS[table.kind]}, one row per ${oneLine(key)}`,
    comment(table.doc),
    ...rationale,
    createTableSql(dialect, schema, table, { primaryKeys, ifNotExists: true }).trimEnd(),
  ].join('\n');
}

/** Text as `--` lines; no line break can end the comment. */
function comment(text: string): string {
  return text
    .split(/[\r\n]+/)
    .map((line) => `-- ${line.trim()}`)
    .join('\n');
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
