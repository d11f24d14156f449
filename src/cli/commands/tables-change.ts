import { createTables as createMissing, starSchema } from '../../operators/create-tables.ts';
import { printDdl } from '../../warehouse/ddl.ts';
import { duckdbDialect } from '../../warehouse/duckdb/dialect.ts';
import { postgresDialect } from '../../warehouse/postgres/dialect.ts';
import { parseWarehouseUrl } from '../../warehouse/url.ts';
import { type CliContext, line } from '../context.ts';
import { jsonText } from '../output.ts';
import { withPlaceholders } from '../parameters.ts';
import { openProject, parameterSources, pipelineOf } from '../project.ts';
import { withWarehouse } from '../warehouse-access.ts';
import type { TablesOptions } from './tables-show.ts';

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
