import { SparkifyError } from '../../core/errors.ts';
import { runPipeline } from '../../operators/run.ts';
import { parseInterval } from '../../pipeline/interval.ts';
import { type CliContext, line } from '../context.ts';
import { jsonText } from '../output.ts';
import { withParameters } from '../parameters.ts';
import { progressView } from '../progress.ts';
import { openProject, type ProjectFlags, parameterSources, pipelineOf } from '../project.ts';
import { runOptions } from '../run-options.ts';
import { printRunReport, runReportJson, wholeSummary } from '../run-report.ts';
import { nameFix } from '../suggest.ts';
import { withWarehouse } from '../warehouse-access.ts';

export interface RunFlags extends ProjectFlags {
  readonly interval?: string;
  readonly set?: Readonly<Record<string, string>>;
  readonly only?: readonly string[];
  readonly dryRun?: boolean;
  readonly rebuild?: boolean;
  readonly fromSources?: boolean;
  readonly prune?: boolean;
  readonly yesAll?: boolean;
  readonly verify?: boolean;
  readonly json?: boolean;
}

/** `sparkify run`: one pipeline over one interval, in this process. */
export async function run(context: CliContext, flags: RunFlags, name: string): Promise<number> {
  requireTogether(flags);
  const interval = flags.interval === undefined ? undefined : parseInterval(flags.interval);
  const project = await openProject(context, flags);
  const declared = pipelineOf(project, name);
  const pipeline = withParameters(declared, parameterSources(context, project, declared, flags.set));
  const tasks = [...new Set(pipeline.tasks.flatMap((t) => (t.group === undefined ? [t.name] : [t.name, t.group])))];
  const unknown = flags.only?.find((t) => !tasks.includes(t));
  if (unknown !== undefined)
    throw new SparkifyError('USAGE', {
      detail: `Pipeline ${pipeline.name} has no task or group "${unknown}".`,
      fix: nameFix(unknown, tasks, ''),
    });
  const view = progressView(context);
  try {
    const report = wholeSummary(
      await withWarehouse(context, project, { readOnly: false }, (warehouse) =>
        runPipeline({
          ...runOptions(context, project, pipeline, warehouse, view.listener),
          ...(interval === undefined ? {} : { interval }),
          ...(flags.only === undefined ? {} : { only: flags.only }),
          rebuild: flags.rebuild === true,
          fromSources: flags.fromSources === true,
          prune: flags.prune === true,
          pruneAll: flags.yesAll === true,
          verify: flags.verify === true,
          dryRun: flags.dryRun === true,
        }),
      ),
    );
    view.stop();
    if (flags.json === true) await line(context.out, jsonText(runReportJson(report), 2));
    else await printRunReport(context, report);
    return 0;
  } finally {
    view.stop();
  }
}

function requireTogether(flags: RunFlags): void {
  const need = (flag: boolean | undefined, name: string, other: boolean | undefined, otherName: string): void => {
    if (flag === true && other !== true)
      throw new SparkifyError('USAGE', {
        detail: `${name} means something together with ${otherName} only.`,
        fix: `Add ${otherName}, or leave ${name} out.`,
      });
  };
  need(flags.fromSources, '--from-sources', flags.rebuild, '--rebuild');
  need(flags.yesAll, '--yes-all', flags.prune, '--prune');
}
