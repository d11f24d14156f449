import { SparkifyError } from '../../core/errors.ts';
import type { ReadVersion } from '../../lineage/records.ts';
import { type TraceReport, trace as traceRow } from '../../lineage/trace.ts';
import type { TracedRecord } from '../../lineage/traced-record.ts';
import { type CliContext, line } from '../context.ts';
import { jsonText } from '../output.ts';
import { withPlaceholders } from '../parameters.ts';
import { openProject, type Project, type ProjectFlags, parameterSources, pipelineOf } from '../project.ts';
import { sourceOpener } from '../source-access.ts';
import { withStanding } from '../standing-access.ts';
import { nameFix } from '../suggest.ts';
import { visible } from '../text-width.ts';

export interface TraceFlags extends ProjectFlags {
  readonly pipeline?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly json?: boolean;
}

/** `sparkify trace`: a row of any table, back to the records it came from. */
export async function trace(
  context: CliContext,
  flags: TraceFlags,
  table: string,
  key: readonly string[],
): Promise<number> {
  const project = await openProject(context, flags);
  const declared = pipelineOf(project, flags.pipeline);
  const pipeline = withPlaceholders(declared, parameterSources(context, project, declared, flags.set));
  const tables = [...pipeline.tables, ...pipeline.stagings].map((t) => t.name);
  if (!tables.includes(table))
    throw new SparkifyError('USAGE', {
      detail: `Pipeline ${pipeline.name} has no table "${table}".`,
      fix: nameFix(table, tables, ''),
    });
  const report = await withStanding(context, project, pipeline, {}, ({ standing }) =>
    traceRow({ standing, table, key: keyText(key), readVersion: versionReader(project) }),
  );
  if (flags.json === true) await line(context.out, jsonText(report, 2));
  else await print(context, report);
  return 0;
}

/** One argument is a key as it stands; of several each is the value of one column. */
function keyText(parts: readonly string[]): string {
  if (parts.length === 1) return parts[0]!;
  return parts.map((p) => (/[",]/.test(p) ? `"${p.replaceAll('"', '""')}"` : p)).join(',');
}

/** Reads an object again from where it lies, whatever the parameters of today say about roots. */
function versionReader(project: Project): ReadVersion {
  const open = sourceOpener(project);
  return async (uri, version) => {
    const source = await open(uri.slice(0, uri.lastIndexOf('/') + 1));
    try {
      return await source.readVersion(uri, version);
    } finally {
      await source.close();
    }
  };
}

async function print(context: CliContext, report: TraceReport): Promise<void> {
  const c = context.outColors;
  const key = Object.entries(report.key).map(([column, value]) => `${column} ${value}`);
  await line(context.out, `${c.bold(`${report.table}`)} ${c.dim(`(${report.kind})`)} ${visible(key.join(', '))}`);
  if (report.row !== undefined)
    for (const [column, value] of Object.entries(report.row))
      await line(
        context.out,
        `  ${c.dim(column.padEnd(14))} ${value === null ? c.dim('null') : visible(shown(value))}`,
      );
  for (const record of report.records) await printRecord(context, record);
  for (const note of report.notes) await line(context.out, c.dim(`\n${note}`));
}

async function printRecord(context: CliContext, record: TracedRecord): Promise<void> {
  const c = context.outColors;
  const role = record.lookup === undefined ? record.role : `${record.role} ${record.lookup}`;
  await line(context.out, `\n${c.bold(role)} ${visible(record.uri)} ${c.bold(`line ${record.line}`)}`);
  await line(context.out, c.dim(`  version ${record.version} (${record.state}), record ${record.ordinal}`));
  if (record.gives.length > 0) await line(context.out, `  gives ${record.gives.join(', ')}`);
  if (record.fate !== undefined) await line(context.out, `  ${record.fate}`);
  await line(
    context.out,
    `  ${record.raw === undefined ? c.dim(record.note ?? 'its text is gone') : visible(record.raw)}`,
  );
  if (record.raw !== undefined && record.note !== undefined) await line(context.out, c.dim(`  ${record.note}`));
}

function shown(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return String(value);
}
