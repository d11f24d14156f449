import { durationText } from '../../core/duration-text.ts';
import { grouped } from '../../core/grouped.ts';
import type { Answer, Api } from '../../server/api.ts';
import { type CliContext, line } from '../context.ts';
import { type ControlFlags, withControl } from '../control.ts';
import { jsonText, writeJsonArray } from '../output.ts';
import { inStateColor, stateText } from '../state-mark.ts';
import { renderTable } from '../table.ts';
import { taskText } from '../task-name.ts';
import { truncate, visible } from '../text-width.ts';
import { distanceText, momentText } from '../time-text.ts';
import { sayWhetherCarriedOut } from '../workers-hint.ts';

type Run = Answer<'getRun'>;
type Task = Answer<'getTask'>;

export interface RunsFlags extends ControlFlags {
  readonly pipeline?: string;
  readonly state?: readonly string[];
  readonly kind?: readonly string[];
  readonly backfill?: number;
  readonly late?: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly limit?: number;
  readonly json?: boolean;
}

const PAGE = 500;

/** `sparkify runs list`: newest first. */
export async function listRuns(context: CliContext, flags: RunsFlags): Promise<number> {
  return withControl(context, flags, async ({ api, nowMs }) => {
    const limit = flags.limit ?? 20;
    const items: Run[] = [];
    let total: Answer<'listRuns'>['total'] | undefined;
    for (let cursor: string | undefined; items.length < limit; ) {
      const page: Answer<'listRuns'> = await api.call('listRuns', {
        query: {
          pipeline: flags.pipeline,
          state: flags.state as never,
          kind: flags.kind as never,
          backfill: flags.backfill,
          late: flags.late,
          from: flags.from,
          to: flags.to,
          cursor,
          limit: Math.min(limit - items.length, PAGE),
        },
      });
      total ??= page.total;
      items.push(...page.items);
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    if (flags.json === true) await writeJsonArray(context.out, items);
    else await printRuns(context, items, total!, nowMs());
    return 0;
  });
}

async function printRuns(
  context: CliContext,
  runs: readonly Run[],
  total: Answer<'listRuns'>['total'],
  nowMs: number,
): Promise<void> {
  const c = context.outColors;
  if (runs.length === 0) return line(context.out, c.dim('no runs; sparkify run PIPELINE makes one'));
  const lines = renderTable(
    [
      { title: 'run', align: 'right' },
      { title: 'pipeline' },
      { title: 'interval' },
      { title: 'kind' },
      { title: 'state' },
      { title: 'started' },
      { title: 'took', align: 'right' },
      { title: 'why' },
    ],
    runs.map((run) => [
      String(run.id),
      run.pipeline,
      run.interval,
      run.backfill === null ? run.kind : `backfill ${run.backfill}`,
      stateText(run.state) + (run.late ? ' (late)' : ''),
      run.startedAtMs === null ? '' : distanceText(run.startedAtMs, nowMs),
      run.durationMs === null ? '' : durationText(run.durationMs),
      run.error === null ? '' : truncate(visible(run.error.message), 60),
    ]),
    c,
  );
  const coloured = lines.map((text, i) => (i < 2 ? text : inStateColor(c, runs[i - 2]!.state, text)));
  await line(context.out, coloured.join('\n'));
  const all = `${grouped(total.count)}${total.exact ? '' : ' or more'}`;
  if (!total.exact || total.count > runs.length)
    await line(context.out, c.dim(`showing ${runs.length} of ${all}; --limit N shows more`));
}

/** `sparkify runs show`: a run and each of its tasks, with the reason for what is not running. */
export async function showRun(
  context: CliContext,
  flags: ControlFlags & { json?: boolean },
  id: number,
): Promise<number> {
  return withControl(context, flags, async ({ api, nowMs }) => {
    const run = await api.call('getRun', { params: { run: id } });
    const tasks = await allTasks(api, id);
    if (flags.json === true) await line(context.out, jsonText({ ...run, tasks }, 2));
    else await printRun(context, run, tasks, nowMs());
    return 0;
  });
}

async function allTasks(api: Api, run: number): Promise<readonly Answer<'listTasks'>['items'][number][]> {
  const items: Answer<'listTasks'>['items'][number][] = [];
  for (let cursor: string | undefined; ; ) {
    const page: Answer<'listTasks'> = await api.call('listTasks', { params: { run }, query: { cursor, limit: 1000 } });
    items.push(...page.items);
    if (page.nextCursor === null) return items;
    cursor = page.nextCursor;
  }
}

async function printRun(
  context: CliContext,
  run: Run,
  tasks: readonly Omit<Task, 'input' | 'output'>[],
  nowMs: number,
): Promise<void> {
  const c = context.outColors;
  const state = inStateColor(c, run.state, stateText(run.state));
  await line(
    context.out,
    `${c.bold(`Run ${run.id} of ${run.pipeline}`)} ${run.interval}  ${state}${run.late ? c.red(' late') : ''}`,
  );
  const facts: readonly (readonly [string, string])[] = [
    ['kind', run.backfill === null ? run.kind : `backfill ${run.backfill}`],
    ['asked for', `${momentText(run.createdAtMs)} by ${run.requestedBy}`],
    ...(run.startedAtMs === null ? [] : ([['started', momentText(run.startedAtMs)]] as const)),
    ...(run.finishedAtMs === null ? [] : ([['ended', momentText(run.finishedAtMs)]] as const)),
    ...(run.durationMs === null ? [] : ([['took', durationText(run.durationMs)]] as const)),
    ...(run.deadlineMs === null
      ? []
      : ([['deadline', `${momentText(run.deadlineMs)} (${distanceText(run.deadlineMs, nowMs)})`]] as const)),
  ];
  for (const [name, text] of facts) await line(context.out, `${c.dim(name.padEnd(9))} ${visible(text)}`);
  if (run.error !== null) await line(context.out, `${c.dim('why'.padEnd(9))} ${visible(run.error.message)}`);
  if (run.error?.remedy != null && run.error.remedy !== '')
    await line(context.out, `${c.dim('fix'.padEnd(9))} ${visible(run.error.remedy)}`);
  const lines = renderTable(
    [
      { title: 'task' },
      { title: 'state' },
      { title: 'attempts', align: 'right' },
      { title: 'took', align: 'right' },
      { title: 'what' },
    ],
    tasks.map((task) => [
      `${taskText(task.task, task.mapIndex)}`,
      stateText(task.state) + (task.markedBy === null ? '' : ` by ${task.markedBy}`),
      task.attempt === 0 ? '' : String(task.attempt),
      task.durationMs === null ? '' : durationText(task.durationMs),
      truncate(visible(whatOf(task)), Math.max(40, context.columns - 60)),
    ]),
    c,
  );
  await line(context.out);
  await line(
    context.out,
    lines.map((text, i) => (i < 2 ? text : inStateColor(c, tasks[i - 2]!.state, text))).join('\n'),
  );
}

function whatOf(task: Omit<Task, 'input' | 'output'>): string {
  if (task.error !== null && task.state !== 'succeeded') return `${task.error.message} [${task.error.code}]`;
  if (task.why !== null) return task.why;
  if (task.elements !== null)
    return Object.entries(task.elements)
      .map(([state, count]) => `${grouped(count)} ${state}`)
      .join(', ');
  return task.detail ?? '';
}

interface ChangeFlags extends ControlFlags {
  readonly fromTask?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `sparkify runs cancel`: starts nothing any more and interrupts what is under way. */
export async function cancelRuns(context: CliContext, flags: ChangeFlags, ids: readonly number[]): Promise<number> {
  return withControl(context, flags, async ({ api }) => {
    await changeEach(context, flags, ids, (run) => api.call('cancelRun', { params: { run }, body: dryRunOf(flags) }));
    return 0;
  });
}

/** `sparkify runs retry`: what failed is done again, or a task and all that comes after it. */
export async function retryRuns(context: CliContext, flags: ChangeFlags, ids: readonly number[]): Promise<number> {
  return withControl(context, flags, async (control) => {
    const { fromTask } = flags;
    await changeEach(context, flags, ids, (run) =>
      control.api.call('retryRun', {
        params: { run },
        body: { ...dryRunOf(flags), ...(fromTask === undefined ? {} : { fromTask }) },
      }),
    );
    if (flags.dryRun !== true) await sayWhetherCarriedOut(context, control, ids);
    return 0;
  });
}

function dryRunOf(flags: { readonly dryRun?: boolean }): { dryRun?: boolean } {
  return flags.dryRun === true ? { dryRun: true } : {};
}

async function changeEach(
  context: CliContext,
  flags: ChangeFlags,
  ids: readonly number[],
  change: (run: number) => Promise<Answer<'retryRun'>>,
): Promise<void> {
  const answers: Answer<'retryRun'>[] = [];
  for (const id of ids) {
    const answer = await change(id);
    answers.push(answer);
    if (flags.json === true) continue;
    const { run, tasks, changed } = answer;
    const c = context.outColors;
    const which = tasks.length === 0 ? '' : `: ${truncate(tasks.join(', '), 70)}`;
    const text = changed ? `${inStateColor(c, run.state, stateText(run.state))}${which}` : 'is as it was';
    const would = flags.dryRun === true ? c.dim(' (dry run: nothing was changed)') : '';
    await line(context.out, `Run ${run.id} of ${run.pipeline} (${run.interval}) ${text}${would}`);
  }
  if (flags.json === true) await writeJsonArray(context.out, answers);
}
