import { grouped } from '../../core/grouped.ts';
import { ident, literal, qualified } from '../../core/quoting.ts';
import { type PipelineRow, pipelineRow } from '../../ledger/pipelines.ts';
import { ledgerFormat } from '../../ledger/transaction.ts';
import { starSchema } from '../../operators/create-tables.ts';
import type { ResolvedPipeline } from '../../pipeline/define.ts';
import type { StarTable } from '../../pipeline/tables.ts';
import type { ResultColumn, SqlSession, SqlValue } from '../../warehouse/session.ts';
import type { Warehouse } from '../../warehouse/warehouse.ts';
import { type CliContext, line } from '../context.ts';
import { writeJsonArray } from '../output.ts';
import { withPlaceholders } from '../parameters.ts';
import { openProject, type ProjectFlags, parameterSources, pipelineOf } from '../project.ts';
import { renderTable } from '../table.ts';
import { tableOf } from '../table-name.ts';
import { valueText } from '../values.ts';
import { withWarehouse } from '../warehouse-access.ts';

export interface TablesOptions extends ProjectFlags {
  readonly pipeline?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly json?: boolean;
}

interface ShownTable {
  readonly table: StarTable;
  /** undefined: it is not in the warehouse yet. */
  readonly rows: number | undefined;
  readonly columns: readonly ResultColumn[];
  readonly sample: readonly SqlValue[] | undefined;
}

/** `sparkify tables show`: what is published, table by table, in one snapshot. */
export async function showTables(context: CliContext, options: TablesOptions, name?: string): Promise<number> {
  const project = await openProject(context, options);
  const pipeline = pipelineOf(project, options.pipeline);
  const resolved = withPlaceholders(pipeline, parameterSources(context, project, pipeline, options.set));
  const tables = name === undefined ? resolved.tables : [tableOf(resolved, name)];
  const { shown, published } = await withWarehouse(context, project, { readOnly: true }, (warehouse) =>
    warehouse.read(async (session) => ({
      published: (await ledgerFormat(session)) === undefined ? undefined : await pipelineRow(session, resolved.name),
      shown: await inspectAll(session, warehouse, resolved, tables),
    })),
  );
  if (options.json === true)
    await writeJsonArray(
      context.out,
      shown.map((s) => asJson(s, published)),
    );
  else for (const s of shown) await print(context, s, published);
  return 0;
}

/** Rows of every table of the star, in one snapshot; undefined for one that is not there. */
export function countRows(
  warehouse: Warehouse,
  pipeline: ResolvedPipeline,
): Promise<readonly { readonly name: string; readonly rows: number | undefined }[]> {
  return warehouse.read(async (session) => {
    const shown = await inspectAll(session, warehouse, pipeline, pipeline.tables);
    return shown.map((s) => ({ name: s.table.name, rows: s.rows }));
  });
}

async function inspectAll(
  session: SqlSession,
  warehouse: Warehouse,
  pipeline: ResolvedPipeline,
  tables: readonly StarTable[],
): Promise<readonly ShownTable[]> {
  const schema = starSchema(warehouse, pipeline);
  const present = await session.all<{ table_name: string }>(
    `select table_name from information_schema.tables where table_schema = ${literal(schema)}`,
  );
  const names = new Set(present.map((r) => r.table_name));
  const result: ShownTable[] = [];
  for (const table of tables) {
    if (!names.has(table.name)) result.push({ table, rows: undefined, columns: [], sample: undefined });
    else result.push(await inspect(session, schema, table));
  }
  return result;
}

async function inspect(session: SqlSession, schema: string, table: StarTable): Promise<ShownTable> {
  const from = qualified(schema, table.name);
  const [{ n } = { n: 0 }] = await session.all<{ n: number }>(`select count(*) as n from ${from}`);
  let columns: readonly ResultColumn[] = [];
  let sample: readonly SqlValue[] | undefined;
  const order = table.key.map(ident).join(', ');
  const names = table.columns.map((c) => ident(c.name)).join(', ');
  for await (const batch of session.stream(`select ${names} from ${from} order by ${order} limit 1`)) {
    columns = batch.columns;
    sample ??= batch.rows[0];
  }
  return { table, rows: n, columns, sample };
}

function asJson(shown: ShownTable, published: PipelineRow | undefined): unknown {
  const { table, rows, columns, sample } = shown;
  return {
    table: table.name,
    kind: table.kind,
    doc: table.doc,
    key: table.key,
    rows: rows ?? null,
    publishes: published?.epoch ?? 0,
    lastPublish: publishedAt(published),
    columns: table.columns.map((c, i) => ({
      name: c.name,
      type: c.type,
      nullable: c.nullable,
      ...(c.references === undefined ? {} : { references: c.references }),
      doc: c.doc,
      sample: sample === undefined ? null : jsonSample(sample[i]!, columns[i]!),
    })),
  };
}

function jsonSample(value: SqlValue, column: ResultColumn): unknown {
  return typeof value === 'number' || typeof value === 'boolean' ? value : valueText(value, column);
}

function publishedAt(published: PipelineRow | undefined): string | null {
  const ms = published?.published_at_ms;
  return ms === undefined || ms === null ? null : new Date(ms).toISOString();
}

async function print(context: CliContext, shown: ShownTable, published: PipelineRow | undefined): Promise<void> {
  const { table, rows, columns, sample } = shown;
  const c = context.outColors;
  const at = publishedAt(published);
  const state =
    rows === undefined
      ? 'not created yet: sparkify tables create'
      : `${grouped(rows)} ${rows === 1 ? 'row' : 'rows'} · ${at === null ? 'never published' : `last publish ${at}`}`;
  await line(context.out, `${c.bold(table.name)} ${c.dim(`(${table.kind})`)} ${state}`);
  await line(context.out, c.dim(table.doc));
  const lines = renderTable(
    [{ title: 'column' }, { title: 'type' }, { title: 'sample' }, { title: 'means' }],
    table.columns.map((col, i) => [
      `${col.name}${table.key.includes(col.name) ? ' *' : ''}`,
      `${col.type}${col.nullable ? '' : ' not null'}`,
      sample === undefined ? '' : valueText(sample[i]!, columns[i]!),
      `${col.doc}${col.references === undefined ? '' : ` → ${col.references}`}`,
    ]),
    c,
  );
  await line(context.out, `${lines.map((l) => `  ${l}`).join('\n')}\n`);
}
