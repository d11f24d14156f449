import { grouped } from '../../core/grouped.ts';
import { ledgerReport, type ReportedObject, type StagingTotals } from '../../lineage/ledger-report.ts';
import { type CliContext, line } from '../context.ts';
import { type FormatFlags, formatOf } from '../format-option.ts';
import { jsonText, writeJsonArray, writeResult } from '../output.ts';
import { withPlaceholders } from '../parameters.ts';
import { openProject, type ProjectFlags, parameterSources, pipelineOf } from '../project.ts';
import { withStanding } from '../standing-access.ts';
import { renderTable } from '../table.ts';

export interface LedgerFlags extends ProjectFlags, FormatFlags {
  readonly pipeline?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly all?: boolean;
}

const SUMS = ['read', 'staged', 'quarantined', 'loaded', 'filtered', 'outside', 'duplicated'] as const;
const TEXTS = ['staging', 'object', 'version', 'state'] as const;

/** `sparkify ledger`: read = staged + quarantined; staged = loaded + filtered + outside + duplicated. */
export async function ledger(context: CliContext, flags: LedgerFlags): Promise<number> {
  const format = formatOf(flags);
  const project = await openProject(context, flags);
  const declared = pipelineOf(project, flags.pipeline);
  const pipeline = withPlaceholders(declared, parameterSources(context, project, declared, flags.set));
  const report = await withStanding(context, project, pipeline, { unpublished: true }, ({ standing }) =>
    ledgerReport(standing),
  );
  const objects = report.objects.filter((o) => flags.all === true || o.state === 'live' || o.state === 'staged');
  if (format === 'json') await writeJsonArray(context.out, objects.map(asItem));
  else if (format === 'ndjson') for (const object of objects) await line(context.out, jsonText(asItem(object)));
  else await writeResult(asRows(objects, format === 'table'), format, context.out, context.outColors);
  if (format === 'table') await printTotals(context, report.live);
  return 0;
}

/** With drift as it is: `{unknown: {field: records}, missing: {column: records}}`, or null. */
function asItem(o: ReportedObject): Readonly<Record<string, unknown>> {
  return {
    id: o.objectId,
    staging: o.staging,
    object: o.uri,
    version: o.version,
    state: o.state,
    ...Object.fromEntries(SUMS.map((name) => [name, o[name]])),
    drift: o.drift === null ? null : JSON.parse(o.drift),
  };
}

/** For people an object is its name and a version its beginning; the other formats have them whole. */
async function* asRows(objects: readonly ReportedObject[], short: boolean) {
  const columns = [
    { name: 'id', type: 'bigint' },
    ...TEXTS.map((name) => ({ name, type: 'varchar' })),
    ...SUMS.map((name) => ({ name, type: 'bigint' })),
    ...(short ? [] : [{ name: 'drift', type: 'varchar' }]),
  ];
  yield {
    columns,
    rows: objects.map((o) => [
      o.objectId,
      o.staging,
      short ? (o.uri.split('/').at(-1) ?? o.uri) : o.uri,
      short ? o.version.replace(/^sha256:/, '').slice(0, 12) : o.version,
      o.state,
      ...SUMS.map((name) => o[name]),
      ...(short ? [] : [o.drift]),
    ]),
  };
}

async function printTotals(context: CliContext, totals: readonly StagingTotals[]): Promise<void> {
  const right = { align: 'right' } as const;
  const lines = renderTable(
    [{ title: 'live' }, { title: 'objects', ...right }, ...SUMS.map((title) => ({ title, ...right }))],
    totals.map((t) => [t.staging, grouped(t.objects), ...SUMS.map((name) => grouped(t[name]))]),
    context.outColors,
  );
  await line(context.out, `\n${lines.join('\n')}`);
}
