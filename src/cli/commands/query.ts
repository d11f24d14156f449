import type { CliContext } from '../context.ts';
import { type FormatFlags, formatOf } from '../format-option.ts';
import { writeResult } from '../output.ts';
import { openProject, type ProjectFlags } from '../project.ts';
import { readOnlyStatement } from '../read-only-sql.ts';
import { withWarehouse } from '../warehouse-access.ts';

/** `sparkify query`: one reading statement, streamed. */
export async function query(context: CliContext, options: ProjectFlags & FormatFlags, text?: string): Promise<number> {
  const format = formatOf(options);
  const sql = readOnlyStatement(text === undefined || text === '-' ? await context.readInput() : text);
  const project = await openProject(context, options);
  await withWarehouse(context, project, { readOnly: true }, (warehouse) =>
    warehouse.read((session) => writeResult(session.stream(sql), format, context.out, context.outColors)),
  );
  return 0;
}
