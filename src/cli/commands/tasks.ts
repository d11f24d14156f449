import type { Answer } from '../../server/api.ts';
import { type CliContext, line } from '../context.ts';
import { type ControlFlags, withControl } from '../control.ts';
import { jsonText } from '../output.ts';
import { inStateColor, stateText } from '../state-mark.ts';
import { namedTask, taskText } from '../task-name.ts';
import { sayWhetherCarriedOut } from '../workers-hint.ts';

interface TaskFlags extends ControlFlags {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

type Operation = 'retryTask' | 'markTaskSucceeded' | 'skipTask';

/** `sparkify tasks retry`: a task again, and what comes after it. */
export function retryTask(context: CliContext, flags: TaskFlags, run: number, task: string): Promise<number> {
  return change(context, flags, 'retryTask', run, task);
}

/** `sparkify tasks mark-success`: the run goes on as if it had succeeded; nothing is added to what is published. */
export function markTask(context: CliContext, flags: TaskFlags, run: number, task: string): Promise<number> {
  return change(context, flags, 'markTaskSucceeded', run, task);
}

/** `sparkify tasks skip`: the task is left out. */
export function skipTask(context: CliContext, flags: TaskFlags, run: number, task: string): Promise<number> {
  return change(context, flags, 'skipTask', run, task);
}

async function change(
  context: CliContext,
  flags: TaskFlags,
  operation: Operation,
  run: number,
  name: string,
): Promise<number> {
  return withControl(context, flags, async (control) => {
    const { task, mapIndex } = namedTask(name);
    const answer = await control.api.call(operation, {
      params: { run, task },
      query: { mapIndex },
      body: flags.dryRun === true ? { dryRun: true } : {},
    });
    if (flags.json === true) await line(context.out, jsonText(answer, 2));
    else await print(context, answer);
    if (flags.dryRun !== true) await sayWhetherCarriedOut(context, control, [run]);
    return 0;
  });
}

async function print(context: CliContext, { task, run, dryRun }: Answer<'retryTask'>): Promise<void> {
  const c = context.outColors;
  const name = c.bold(taskText(task.task, task.mapIndex));
  const would = dryRun ? c.dim(' (dry run: nothing was changed)') : '';
  await line(
    context.out,
    `${name} ${inStateColor(c, task.state, stateText(task.state))}; run ${run.id} ${inStateColor(c, run.state, stateText(run.state))}${would}`,
  );
}
