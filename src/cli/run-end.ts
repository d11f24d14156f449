import { durationText } from '../core/duration-text.ts';
import { SparkifyError } from '../core/errors.ts';
import type { RunSummary } from '../orchestrator/worker/run-summary.ts';
import type { Answer } from '../server/api.ts';
import { type CliContext, line } from './context.ts';
import { jsonText } from './output.ts';
import { printRunReport, runReportJson } from './run-report.ts';

type Run = Answer<'getRun'>;

/**
 * Tells how a run ended that somebody waited for. @returns the exit code
 * @throws its failure as it was thrown, else RUN_FAILED; RUN_CANCELLED
 */
export async function finishRun(
  context: CliContext,
  run: Run,
  options: {
    readonly summary: RunSummary | null;
    readonly failure: SparkifyError | undefined;
    readonly json: boolean;
  },
): Promise<number> {
  const { summary, failure, json } = options;
  switch (run.state) {
    case 'succeeded':
      if (json) await line(context.out, jsonText(endJson(run, summary), 2));
      else if (summary !== null) await printRunReport(context, summary);
      else await printPlainEnd(context, run);
      return 0;
    case 'failed': {
      if (!json)
        await line(
          context.err,
          context.errColors.dim(
            `run ${run.id}: \`sparkify logs ${run.id}\` says more, \`sparkify resume ${run.id}\` carries on`,
          ),
        );
      if (failure !== undefined) throw failure;
      const { code = 'INTERNAL', message = 'it says nothing', remedy } = run.error ?? {};
      throw new SparkifyError('RUN_FAILED', { run: run.id, code, message, remedy: remedy ?? '' });
    }
    case 'cancelled':
      throw new SparkifyError('RUN_CANCELLED', { run: run.id });
    default:
      throw new SparkifyError('RUN_LEFT', { run: run.id, state: run.state });
  }
}

function endJson(run: Run, summary: RunSummary | null): unknown {
  const fields =
    summary === null
      ? {
          pipeline: run.pipeline,
          interval: { start: new Date(run.startMs).toISOString(), end: new Date(run.endMs).toISOString() },
          outcome: 'succeeded',
          durationMs: run.durationMs,
        }
      : (runReportJson(summary) as object);
  return { ...fields, run: run.id };
}

async function printPlainEnd(context: CliContext, run: Run): Promise<void> {
  const took = run.durationMs === null ? '' : ` in ${durationText(run.durationMs)}`;
  await line(
    context.out,
    `${context.outColors.green('✓')} Run ${run.id} of ${run.pipeline} (${run.interval}) succeeded${took}`,
  );
}
