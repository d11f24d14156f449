import type { RunSummary } from '../orchestrator/worker/run-summary.ts';
import type { Api } from '../server/api.ts';
import { type CliContext, line } from './context.ts';
import { INTERRUPTED } from './error-report.ts';
import { followRun, hasEnded } from './follow-run.ts';
import { progressView } from './progress.ts';
import { finishRun } from './run-end.ts';

/**
 * Waits for a run that an `up` carries out and tells how it ended. Ctrl-C asks whether it shall be cancelled; without
 * anybody to ask it goes on without us. @returns the exit code @throws RUN_FAILED, RUN_CANCELLED
 */
export async function waitForRun(
  context: CliContext,
  api: Api,
  wanted: { readonly run: number; readonly afterSeq: number; readonly json: boolean },
): Promise<number> {
  const { run: id, afterSeq, json } = wanted;
  const view = progressView(context);
  const leaving = new AbortController();
  const endInterrupts = context.onInterrupt((times) => {
    if (times > 1 || !context.interactive) return leaving.abort();
    void (async () => {
      const answer = await context.ask(`Run ${id} goes on by itself. Cancel it? [y/N] `);
      if (/^y/i.test(answer?.trim() ?? '')) await api.call('cancelRun', { params: { run: id }, body: {} });
      else leaving.abort();
    })();
  });
  try {
    const ended = await followRun(api, { run: id, afterSeq, tell: view.listener, signal: leaving.signal });
    view.stop();
    if (!hasEnded(ended) && leaving.signal.aborted) {
      await line(
        context.err,
        `${context.errColors.yellow('interrupted')}: run ${id} goes on; \`sparkify logs ${id} --follow\` shows it, \`sparkify runs cancel ${id}\` ends it`,
      );
      return INTERRUPTED;
    }
    return await finishRun(context, ended, { summary: ended.report as RunSummary | null, failure: undefined, json });
  } finally {
    endInterrupts();
    view.stop();
  }
}
