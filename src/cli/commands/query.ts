import type { CliContext } from '../context.ts';
import { type FormatFlags, formatOf } from '../format-option.ts';
import { writeResult } from '../output.ts';
import { withPlaceholders } from '../parameters.ts';
import { openProject, type ProjectFlags, parameterSources } from '../project.ts';
import { readOnlyStatement } from '../read-only-sql.ts';
import { readableStaging } from '../star-schema.ts';
import { withWarehouse } from '../warehouse-access.ts';

/** `sparkify query`: one reading statement, streamed. */
export async function query(context: CliContext, flags: ProjectFlags & FormatFlags, text?: string): Promise<number> {
  const format = formatOf(flags);
  const sql = readOnlyStatement(text === undefined || text === '-' ? await context.readInput() : text);
  const project = await openProject(context, flags);
  await withWarehouse(context, project, { readOnly: true }, (warehouse) =>
    warehouse.read(async (session) => {
      const pipelines = project.pipelines.map((p) => withPlaceholders(p, parameterSources(context, project, p)));
      await readableStaging(warehouse, session, pipelines);
      await writeResult(session.stream(sql), format, context.out, context.outColors);
    }),
  );
  return 0;
}
