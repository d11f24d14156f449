import { SparkifyError } from '../../core/errors.ts';
import { type QuarantineEntry, type QuarantineFilter, quarantineEntries } from '../../ledger/quarantine-view.ts';
import { ledgerFormat } from '../../ledger/transaction.ts';
import { type CliContext, line } from '../context.ts';
import { type FormatFlags, formatOf } from '../format-option.ts';
import { jsonText, writeJsonArray, writeResult } from '../output.ts';
import { openProject, type ProjectFlags, pipelineOf } from '../project.ts';
import { rawFields, rawText } from '../raw-text.ts';
import { truncate, visible } from '../text-width.ts';
import { withWarehouse } from '../warehouse-access.ts';

export interface QuarantineFlags extends ProjectFlags {
  readonly pipeline?: string;
}

/** `sparkify quarantine list`: what was rejected, and why; `--json` is an array with one item a record. */
export async function listQuarantine(
  context: CliContext,
  flags: QuarantineFlags & FormatFlags & { readonly reason?: string; readonly all?: boolean },
): Promise<number> {
  const format = formatOf(flags);
  const filter: QuarantineFilter = {
    all: flags.all === true,
    ...(flags.reason === undefined ? {} : { reason: flags.reason }),
  };
  await reading(context, flags, filter, async (entries) => {
    if (format === 'json') await writeJsonArray(context.out, mapped(entries, entryJson));
    else if (format === 'ndjson')
      for await (const entry of entries) await line(context.out, jsonText(entryJson(entry)));
    else await writeResult(asRows(entries, format === 'table'), format, context.out, context.outColors);
  });
  return 0;
}

/** `sparkify quarantine show`: one record with its raw text. */
export async function showQuarantine(
  context: CliContext,
  flags: QuarantineFlags & { readonly json?: boolean },
  id: number,
): Promise<number> {
  let found: QuarantineEntry | undefined;
  await reading(context, flags, { id }, async (entries) => {
    for await (const entry of entries) found = entry;
  });
  if (found === undefined)
    throw new SparkifyError('USAGE', {
      detail: `There is no record ${id} in quarantine.`,
      fix: 'sparkify quarantine list --all shows them all.',
    });
  if (flags.json === true) {
    await line(context.out, jsonText(entryJson(found)));
    return 0;
  }
  const c = context.outColors;
  const place = `${found.uri}, line ${found.line}, version ${found.version}`;
  const fields: readonly (readonly [string, string])[] = [
    ['reason', `${found.reason}${found.column_name === null ? '' : ` in ${found.column_name}`}: ${found.detail}`],
    ['object', place],
    ['staging', found.staging],
    ['state', found.note === null ? found.state : `${found.state}: ${found.note}`],
  ];
  await line(context.out, c.bold(`Record ${found.quarantine_id}`));
  for (const [name, value] of fields) await line(context.out, `${c.dim(name.padEnd(8))} ${visible(value)}`);
  await line(context.out, `${c.dim('raw')}\n${visible(rawText(found.raw))}`);
  return 0;
}

async function reading(
  context: CliContext,
  flags: QuarantineFlags,
  filter: QuarantineFilter,
  work: (entries: AsyncIterable<QuarantineEntry>) => Promise<void>,
): Promise<void> {
  const project = await openProject(context, flags);
  const pipeline = pipelineOf(project, flags.pipeline);
  await withWarehouse(context, project, { readOnly: true }, (warehouse) =>
    warehouse.read(async (session) => {
      const known = (await ledgerFormat(session)) !== undefined;
      await work(known ? quarantineEntries(session, pipeline.name, filter) : none());
    }),
  );
}

async function* none(): AsyncIterable<QuarantineEntry> {}

async function* mapped<T, U>(items: AsyncIterable<T>, map: (item: T) => U): AsyncIterable<U> {
  for await (const item of items) yield map(item);
}

function entryJson(e: QuarantineEntry): Record<string, unknown> {
  return {
    id: e.quarantine_id,
    staging: e.staging,
    object: e.uri,
    version: e.version,
    ordinal: e.ordinal,
    line: e.line,
    reason: e.reason,
    column: e.column_name,
    detail: e.detail,
    state: e.state,
    ...(e.note === null ? {} : { note: e.note }),
    ...rawFields(e.raw),
  };
}

const TEXT = { type: 'varchar' } as const;
const COLUMNS = [
  { name: 'id', type: 'bigint' },
  { name: 'staging', ...TEXT },
  { name: 'object', ...TEXT },
  { name: 'line', type: 'bigint' },
  { name: 'reason', ...TEXT },
  { name: 'column', ...TEXT },
  { name: 'detail', ...TEXT },
  { name: 'state', ...TEXT },
  { name: 'raw', ...TEXT },
];

/** As rows; for people long texts are shortened, `quarantine show` has the whole. */
async function* asRows(entries: AsyncIterable<QuarantineEntry>, short: boolean) {
  const cut = (text: string, width: number): string => (short ? truncate(visible(text), width) : text);
  const object = (uri: string): string => (short ? (uri.split('/').at(-1) ?? uri) : uri);
  yield { columns: COLUMNS, rows: [] };
  for await (const e of entries) {
    const row = [
      e.quarantine_id,
      e.staging,
      object(e.uri),
      e.line,
      e.reason,
      e.column_name,
      cut(e.detail, 50),
      e.state,
      cut(rawText(e.raw), 40),
    ];
    yield { columns: COLUMNS, rows: [row] };
  }
}
