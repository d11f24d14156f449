import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { SparkifyError } from '../../core/errors.ts';
import { grouped } from '../../core/grouped.ts';
import { ident, literal, qualified } from '../../core/quoting.ts';
import { pipelineRow } from '../../ledger/pipelines.ts';
import { ledgerFormat } from '../../ledger/transaction.ts';
import { starSchema } from '../../operators/create-tables.ts';
import type { ResolvedPipeline } from '../../pipeline/define.ts';
import type { StarTable } from '../../pipeline/tables.ts';
import { createTableSql } from '../../warehouse/ddl.ts';
import { DuckDatabase } from '../../warehouse/duckdb/database.ts';
import { duckdbDialect } from '../../warehouse/duckdb/dialect.ts';
import type { DuckSession } from '../../warehouse/duckdb/session.ts';
import type { SqlSession } from '../../warehouse/session.ts';
import { type CliContext, line } from '../context.ts';
import { jsonText } from '../output.ts';
import { withPlaceholders } from '../parameters.ts';
import { progressView, step } from '../progress.ts';
import { openProject, type ProjectFlags, parameterSources, pipelineOf } from '../project.ts';
import { withWarehouse } from '../warehouse-access.ts';

export interface ExportFlags extends ProjectFlags {
  readonly pipeline?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly format: 'parquet' | 'csv' | 'duckdb';
  readonly json?: boolean;
}

/** How long an export waits for an embedded file that a process holds which serves no reader. */
const PATIENCE_MS = 600_000;

interface ExportedTable {
  readonly table: string;
  readonly rows: number;
  readonly file: string;
}

/**
 * `sparkify export`: the published star of one snapshot as files. The folder appears whole or not at all.
 */
export async function exportStar(context: CliContext, flags: ExportFlags, dir: string): Promise<number> {
  const project = await openProject(context, flags);
  const declared = pipelineOf(project, flags.pipeline);
  const pipeline = withPlaceholders(declared, parameterSources(context, project, declared, flags.set));
  const target = resolve(context.cwd, dir);
  await refuseFull(target, dir);
  const partial = join(dirname(target), `.${basename(target)}.partial-${process.pid}`);
  await mkdir(partial, { recursive: true });
  const view = progressView(context);
  try {
    const manifest = await withWarehouse(context, project, { readOnly: true, patienceMs: PATIENCE_MS }, (warehouse) =>
      warehouse.read(async (session) => {
        const published =
          (await ledgerFormat(session)) === undefined ? undefined : await pipelineRow(session, pipeline.name);
        if (published === undefined || published.definition_hash === null)
          throw new SparkifyError('USAGE', {
            detail: `Nothing of pipeline ${pipeline.name} is published in this warehouse yet.`,
            fix: `sparkify run ${pipeline.name}`,
          });
        const schema = starSchema(warehouse, pipeline);
        const tables = await writeTables(session, schema, pipeline, partial, flags.format, (table, work) =>
          step(view.listener, `export ${table}`, work, (e) => `${grouped(e.rows)} rows`),
        );
        return {
          pipeline: pipeline.name,
          publishes: published.epoch,
          publishedAt: published.published_at_ms === null ? null : new Date(published.published_at_ms).toISOString(),
          format: flags.format,
          tables,
        };
      }),
    );
    view.stop();
    await writeFile(join(partial, 'manifest.json'), `${jsonText(manifest, 2)}\n`);
    await rm(target, { recursive: true, force: true });
    await rename(partial, target);
    if (flags.json === true) await line(context.out, jsonText(manifest, 2));
    else
      await line(
        context.out,
        `${context.outColors.green('✓')} ${manifest.tables.length} tables of publish ${manifest.publishes} in ${dir}`,
      );
    return 0;
  } finally {
    view.stop();
    await rm(partial, { recursive: true, force: true });
  }
}

/** Streams every table into a DuckDB of its own beside the files, and lets that one write them. */
async function writeTables(
  session: SqlSession,
  schema: string,
  pipeline: ResolvedPipeline,
  directory: string,
  format: ExportFlags['format'],
  run: (table: string, work: () => Promise<ExportedTable>) => Promise<ExportedTable>,
): Promise<readonly ExportedTable[]> {
  const file = `${pipeline.name}.duckdb`;
  const database = await DuckDatabase.open({ path: join(directory, file) });
  const tables: ExportedTable[] = [];
  try {
    const target = await database.connect();
    for (const table of pipeline.tables) {
      const name = format === 'duckdb' ? file : `${table.name}.${format}`;
      tables.push(
        await run(table.name, async () => {
          const rows = await copyTable(session, schema, target, table);
          if (format !== 'duckdb') await writeFileOf(target, table, join(directory, name), format);
          return { table: table.name, rows, file: name };
        }),
      );
      if (format !== 'duckdb') await target.exec(`drop table ${ident(table.name)}`);
    }
    await target.exec('checkpoint');
    target.close();
  } finally {
    database.close();
  }
  if (format !== 'duckdb') for (const end of ['', '.wal']) await rm(join(directory, file + end), { force: true });
  return tables;
}

async function copyTable(from: SqlSession, schema: string, to: DuckSession, table: StarTable): Promise<number> {
  await to.exec(createTableSql(duckdbDialect, 'main', table, { primaryKeys: false }));
  const names = table.columns.map((c) => c.name);
  const order = table.key.map(ident).join(', ');
  let rows = 0;
  const sql = `select ${names.map(ident).join(', ')} from ${qualified(schema, table.name)} order by ${order}`;
  for await (const batch of from.stream(sql)) {
    rows += batch.rows.length;
    await to.insertRows('main', table.name, names, batch.rows);
  }
  return rows;
}

async function writeFileOf(session: DuckSession, table: StarTable, path: string, format: 'parquet' | 'csv') {
  const columns = table.columns.map((c) =>
    format === 'csv' && c.type === 'timestamp'
      ? `strftime(${ident(c.name)}, '%Y-%m-%dT%H:%M:%S.%gZ') as ${ident(c.name)}`
      : ident(c.name),
  );
  const options = format === 'csv' ? 'format csv, header' : 'format parquet, compression zstd';
  await session.exec(`copy (select ${columns.join(', ')} from ${ident(table.name)}) to ${literal(path)} (${options})`);
}

async function refuseFull(target: string, dir: string): Promise<void> {
  if (!existsSync(target)) return;
  const entries = await readdir(target).catch(() => ['?']);
  if (entries.length > 0)
    throw new SparkifyError('USAGE', {
      detail: `${dir} is there already and not empty; nothing was written.`,
      fix: 'Name a folder that is new or empty.',
    });
}
