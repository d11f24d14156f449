import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { errorText, SparkifyError } from '../../core/errors.ts';
import {
  type Correction,
  correctRecords,
  discardRecords,
  replayRecords,
  type SettledReport,
} from '../../operators/quarantine.ts';
import type { RunOptions } from '../../operators/run-state.ts';
import type { ResolvedPipeline } from '../../pipeline/define.ts';
import { confirm } from '../confirm.ts';
import { type CliContext, line } from '../context.ts';
import { jsonText } from '../output.ts';
import { withPlaceholders } from '../parameters.ts';
import { progressView } from '../progress.ts';
import { openProject, type Project, type ProjectFlags, parameterSources, pipelineOf } from '../project.ts';
import { runOptions } from '../run-options.ts';
import { withWarehouse } from '../warehouse-access.ts';

export interface QuarantineChangeFlags extends ProjectFlags {
  readonly pipeline?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly json?: boolean;
}

/** `sparkify quarantine replay`: the same bytes, under the definition as it is now. */
export async function replayQuarantine(
  context: CliContext,
  flags: QuarantineChangeFlags & { readonly yes?: boolean },
  ids: readonly string[],
): Promise<number> {
  const wanted = ids.map(recordId);
  const { project, pipeline } = await openBoth(context, flags);
  const what = ['Every open record of the quarantine will be read again.'];
  const sure = { yes: flags.yes === true || wanted.length > 0, command: 'quarantine replay without ids' };
  if (!(await confirm(context, what, sure))) return 0;
  const report = await settling(context, project, pipeline, (options) =>
    replayRecords(options, wanted.length === 0 ? undefined : wanted),
  );
  await tell(context, flags, pipeline, report);
  return report.failed.length > 0 && report.staged.length === 0 ? 1 : 0;
}

/** `sparkify quarantine correct`: another text in the place of a record. */
export async function correctQuarantine(
  context: CliContext,
  flags: QuarantineChangeFlags & { readonly text?: string; readonly file?: string; readonly note?: string },
  id: number,
): Promise<number> {
  const text = await correctedText(context, flags);
  const correction: Correction = { id, text, ...(flags.note === undefined ? {} : { note: flags.note }) };
  const { project, pipeline } = await openBoth(context, flags);
  const report = await settling(context, project, pipeline, (options) => correctRecords(options, [correction]));
  await tell(context, flags, pipeline, report);
  return 0;
}

/** `sparkify quarantine discard`: these are not wanted, and that is on record. */
export async function discardQuarantine(
  context: CliContext,
  flags: QuarantineChangeFlags & { readonly note?: string; readonly yes?: boolean },
  ids: readonly string[],
): Promise<number> {
  const wanted = ids.map(recordId);
  const { project, pipeline } = await openBoth(context, flags);
  const what = [
    `${wanted.length === 1 ? 'This record' : `These ${wanted.length} records`} will not be loaded: ${wanted.join(', ')}`,
  ];
  if (!(await confirm(context, what, { yes: flags.yes === true, command: 'quarantine discard' }))) return 0;
  const discarded = await withWarehouse(context, project, { readOnly: false }, (warehouse) =>
    discardRecords(warehouse, pipeline.name, wanted, flags.note),
  );
  if (flags.json === true) await line(context.out, jsonText({ discarded }));
  else await line(context.out, `${context.outColors.green('✓')} Discarded ${discarded.length} of ${wanted.length}`);
  return 0;
}

function recordId(text: string): number {
  const id = Number(text);
  if (Number.isSafeInteger(id) && id > 0) return id;
  throw new SparkifyError('USAGE', {
    detail: `"${text}" is no number of a record.`,
    fix: 'sparkify quarantine list shows the numbers.',
  });
}

async function correctedText(
  context: CliContext,
  flags: { readonly text?: string; readonly file?: string },
): Promise<Uint8Array> {
  if ((flags.text === undefined) === (flags.file === undefined))
    throw new SparkifyError('USAGE', {
      detail: 'A correction comes from --text or from --file, from one of them.',
      fix: `sparkify quarantine correct 12 --text '{…}'`,
    });
  if (flags.text !== undefined) return Buffer.from(flags.text, 'utf8');
  if (flags.file === '-') return Buffer.from(await context.readInput(), 'utf8');
  try {
    return await readFile(resolve(context.cwd, flags.file!));
  } catch (error) {
    throw new SparkifyError(
      'USAGE',
      { detail: `The correction cannot be read: ${errorText(error)}`, fix: 'Name a file that can be read.' },
      { cause: error },
    );
  }
}

async function openBoth(
  context: CliContext,
  flags: QuarantineChangeFlags,
): Promise<{ readonly project: Project; readonly pipeline: ResolvedPipeline }> {
  const project = await openProject(context, flags);
  const declared = pipelineOf(project, flags.pipeline);
  return { project, pipeline: withPlaceholders(declared, parameterSources(context, project, declared, flags.set)) };
}

async function settling(
  context: CliContext,
  project: Project,
  pipeline: ResolvedPipeline,
  work: (options: RunOptions) => Promise<SettledReport>,
): Promise<SettledReport> {
  const view = progressView(context);
  try {
    return await withWarehouse(context, project, { readOnly: false }, (warehouse) =>
      work(runOptions(context, project, pipeline, warehouse, view.listener)),
    );
  } finally {
    view.stop();
  }
}

async function tell(
  context: CliContext,
  flags: QuarantineChangeFlags,
  pipeline: ResolvedPipeline,
  report: SettledReport,
): Promise<void> {
  if (flags.json === true) return line(context.out, jsonText(report, 2));
  const c = context.outColors;
  for (const s of report.staged) await line(context.out, `${c.green('✓')} ${s.id}: staged`);
  for (const id of report.already) await line(context.out, `${c.dim('·')} ${id}: was settled like this before`);
  for (const f of report.failed) await line(context.out, `${c.red('✗')} ${f.id}: ${f.reason}: ${f.detail}`);
  if (report.staged.length + report.already.length + report.failed.length === 0)
    await line(context.out, 'Nothing is open in the quarantine.');
  if (report.staged.length > 0)
    await line(context.out, `The next run publishes them: ${c.bold(`sparkify run ${pipeline.name}`)}`);
}
