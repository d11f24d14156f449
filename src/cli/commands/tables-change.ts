import { grouped } from '../../core/grouped.ts';
import { createTables as createMissing, starSchema } from '../../operators/create-tables.ts';
import { type Retraction, retractTables } from '../../operators/retract-tables.ts';
import { printDdl } from '../../warehouse/ddl.ts';
import { duckdbDialect } from '../../warehouse/duckdb/dialect.ts';
import { postgresDialect } from '../../warehouse/postgres/dialect.ts';
import { parseWarehouseUrl } from '../../warehouse/url.ts';
import { confirm } from '../confirm.ts';
import { type CliContext, line } from '../context.ts';
import { jsonText } from '../output.ts';
import { withPlaceholders } from '../parameters.ts';
import { progressView } from '../progress.ts';
import { openProject, parameterSources, pipelineOf } from '../project.ts';
import { runOptions } from '../run-options.ts';
import { withWarehouse } from '../warehouse-access.ts';
import { countRows, type TablesOptions } from './tables-show.ts';

type ChangeOptions = TablesOptions & { readonly yes?: boolean };

/** `sparkify tables create`: creates what is missing, or prints the engine's SQL without touching anything. */
export async function createTables(
  context: CliContext,
  options: TablesOptions & { readonly print?: boolean },
): Promise<number> {
  const project = await openProject(context, options);
  const declared = pipelineOf(project, options.pipeline);
  const pipeline = withPlaceholders(declared, parameterSources(context, project, declared, options.set));
  if (options.print === true) {
    const embedded = parseWarehouseUrl(project.warehouseUrl, project.directory).engine === 'duckdb';
    const dialect = embedded ? duckdbDialect : postgresDialect;
    const sql = printDdl(pipeline, {
      dialect,
      schema: pipeline.schema ?? dialect.defaultSchema,
      primaryKeys: !embedded,
      stagingInPlace: embedded,
      pipeline: pipeline.name,
    });
    await context.out.write(sql.endsWith('\n') ? sql : `${sql}\n`);
    return 0;
  }
  const { created, schema } = await withWarehouse(context, project, { readOnly: false }, async (warehouse) => ({
    created: await createMissing(warehouse, pipeline),
    schema: starSchema(warehouse, pipeline),
  }));
  if (options.json === true) await line(context.out, jsonText({ pipeline: pipeline.name, schema, created }));
  else if (created.length === 0) await line(context.out, `All tables of ${pipeline.name} are there.`);
  else await line(context.out, `${context.outColors.green('✓')} Created in ${schema}: ${created.join(', ')}`);
  return 0;
}

/** `sparkify tables drop`: the tables go, and with them what was published. */
export function dropTables(context: CliContext, options: ChangeOptions): Promise<number> {
  return retract(context, options, 'drop');
}

/** `sparkify tables reset`: the tables stay, empty; the next run reads every object again. */
export function resetTables(context: CliContext, options: ChangeOptions): Promise<number> {
  return retract(context, options, 'reset');
}

async function retract(context: CliContext, options: ChangeOptions, how: Retraction): Promise<number> {
  const project = await openProject(context, options);
  const declared = pipelineOf(project, options.pipeline);
  const pipeline = withPlaceholders(declared, parameterSources(context, project, declared, options.set));
  const counts = await withWarehouse(context, project, { readOnly: true }, (warehouse) =>
    countRows(warehouse, pipeline),
  );
  const present = counts.filter((t) => t.rows !== undefined);
  if (how === 'drop' && present.length === 0) {
    if (options.json === true) await line(context.out, jsonText({ pipeline: pipeline.name, tables: [] }));
    else await line(context.out, `There are no tables of ${pipeline.name}.`);
    return 0;
  }
  const verb = how === 'drop' ? 'will be dropped' : 'will be emptied';
  const what = [
    `${project.shownWarehouse}: these tables of ${pipeline.name} ${verb}, and every object counts as unread:`,
    ...present.map((t) => `  ${t.name}  ${grouped(t.rows ?? 0)} rows`),
  ];
  if (!(await confirm(context, what, { yes: options.yes === true, command: `tables ${how}` }))) return 0;
  const view = progressView(context);
  try {
    const tables = await withWarehouse(context, project, { readOnly: false }, (warehouse) =>
      retractTables(runOptions(context, project, pipeline, warehouse, view.listener), how),
    );
    view.stop();
    if (options.json === true) await line(context.out, jsonText({ pipeline: pipeline.name, tables }));
    else
      await line(
        context.out,
        `${context.outColors.green('✓')} ${how === 'drop' ? 'Dropped' : 'Emptied'}: ${tables.join(', ')}`,
      );
    return 0;
  } finally {
    view.stop();
  }
}
