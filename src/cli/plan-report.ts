import { grouped } from '../core/grouped.ts';
import type { CellState } from '../orchestrator/cells/cell.ts';
import { listingSentence } from '../orchestrator/cells/plan-notes.ts';
import { formatInterval, type Interval } from '../pipeline/interval.ts';
import type { Answer } from '../server/api.ts';
import { type GridState, gridLegend, renderCellGrid } from './cell-grid.ts';
import { type CliContext, line } from './context.ts';
import { inStateColor, stateMark } from './state-mark.ts';
import { padEnd, truncate, visible } from './text-width.ts';
import { bytesText } from './values.ts';

type Plan = Answer<'getPlan'>;

/** Groups of cells, runs and objects that are told one by one. */
const SHOWN = 15;

const STATES: readonly CellState[] = ['failed', 'stale', 'running', 'missing', 'done'];

/** A plan for people: the cells as a picture, why those that are not done are not, and what would be done. */
export async function printPlan(context: CliContext, plan: Plan): Promise<void> {
  const c = context.outColors;
  const { out } = context;
  if (plan.interval === undefined) {
    await line(out, `${c.bold(plan.pipeline)}: no interval is over yet`);
    return printNotes(context, plan);
  }
  const counts = STATES.filter((state) => plan.counts[state] > 0).map((state) =>
    inStateColor(c, state, `${stateMark(state)} ${grouped(plan.counts[state])} ${state}`),
  );
  await line(out, `${c.bold(plan.pipeline)} ${formatInterval(plan.interval)}  ${counts.join('  ')}`);
  await line(out);
  await printGrid(context, plan);
  await printReasons(context, plan);
  await line(out);
  await printWork(context, plan);
  await printNotes(context, plan);
}

async function printGrid(context: CliContext, plan: Plan): Promise<void> {
  const tasks = plan.cells[0]?.cells.map((cell) => cell.task) ?? [];
  const rows = tasks.map((name, t) => ({ name, states: plan.cells.map((i) => i.cells[t]!.state) }));
  const starts = plan.cells.map((i) => i.startMs);
  const style = { colors: context.outColors, width: context.columns };
  for (const text of renderCellGrid(starts, rows, style)) await line(context.out, text);
  const present = new Set<GridState>(STATES.filter((state) => rows.some((row) => row.states.includes(state))));
  await line(context.out, gridLegend(context.outColors, present));
}

interface Reason {
  readonly state: CellState;
  /** Undefined: it is so for all of them. */
  readonly task: string | undefined;
  readonly reason: string;
  readonly intervals: Interval[];
}

/** The cell that speaks for each interval that is not done; neighbours with the same reason are told together. */
function reasonsOf(cells: Plan['cells']): readonly Reason[] {
  const reasons: Reason[] = [];
  for (const { startMs, endMs, head, cells: ofTasks } of cells) {
    if (head.state === 'done') continue;
    const last = reasons.at(-1);
    const follows = last?.intervals.at(-1)?.endMs === startMs;
    if (last !== undefined && follows && last.state === head.state && last.reason === head.reason)
      last.intervals.push({ startMs, endMs });
    else {
      const task = ofTasks.every((cell) => cell.reason === head.reason) ? undefined : head.task;
      reasons.push({ ...head, task, intervals: [{ startMs, endMs }] });
    }
  }
  return reasons;
}

async function printReasons(context: CliContext, plan: Plan): Promise<void> {
  const c = context.outColors;
  const reasons = reasonsOf(plan.cells);
  if (reasons.length > 0) await line(context.out);
  for (const { state, task, reason, intervals } of reasons.slice(0, SHOWN)) {
    const span = formatInterval({ startMs: intervals[0]!.startMs, endMs: intervals.at(-1)!.endMs });
    const count = intervals.length === 1 ? '' : ` (${grouped(intervals.length)} intervals)`;
    const word = inStateColor(c, state, padEnd(`${stateMark(state)} ${state}`, 9));
    await line(
      context.out,
      `${word} ${span}${count} ${task === undefined ? '' : c.dim(`${task}: `)}${truncate(visible(reason), 140)}`,
    );
  }
  if (reasons.length > SHOWN)
    await line(
      context.out,
      c.dim(`… and ${grouped(reasons.length - SHOWN)} more; --json gives all, --from and --to narrow it`),
    );
}

async function printWork(context: CliContext, plan: Plan): Promise<void> {
  const c = context.outColors;
  const { out } = context;
  if (plan.runs.length === 0) {
    await line(out, `${c.green('✓')} nothing to do`);
    return;
  }
  const intervals = plan.runs.reduce((sum, run) => sum + run.cells.length, 0);
  const what = plan.tasks === undefined ? '' : `, ${grouped(plan.tasks.length)} tasks of each`;
  const listed = plan.listings.some((listing) => listing.wholeAtMs !== undefined);
  const reads =
    plan.reads.objects === 0
      ? listed
        ? 'no new object'
        : 'what their sources have, which was not listed yet'
      : `${grouped(plan.reads.objects)} ${plan.reads.objects === 1 ? 'object' : 'objects'} (${bytesText(plan.reads.sizeBytes)})`;
  await line(
    out,
    `Would be done (${plan.scope}): ${countOf(intervals, 'interval')} in ${countOf(plan.runs.length, 'run')}${what}, reading ${reads}`,
  );
  for (const run of plan.runs.slice(0, SHOWN)) {
    const count = run.cells.length === 1 ? '' : `, ${grouped(run.cells.length)} intervals`;
    const objects = run.objects === 0 ? '' : `, ${countOf(run.objects, 'object')}`;
    await line(out, `  ${formatInterval(run)}${c.dim(`${count}${objects}`)}`);
  }
  if (plan.runs.length > SHOWN) await line(out, c.dim(`  … and ${countOf(plan.runs.length - SHOWN, 'run')} more`));
  for (const { staging, name, change } of plan.reads.first.slice(0, SHOWN))
    await line(out, c.dim(`  ${change} ${staging}: ${visible(name)}`));
}

async function printNotes(context: CliContext, plan: Plan): Promise<void> {
  const c = context.outColors;
  const unknown = { wholeAtMs: undefined, within: undefined, error: undefined };
  for (const { error: _, ...listing } of plan.listings)
    await line(context.out, c.dim(visible(listingSentence({ ...unknown, ...listing }, plan.atMs))));
  for (const note of plan.notes) await line(context.out, `${c.yellow('!')} ${visible(note)}`);
  if (plan.blocked !== undefined) {
    await line(context.out, `${c.red('✗')} ${visible(plan.blocked.message)}`);
    await line(context.out, `  ${c.dim('fix:')} ${visible(plan.blocked.remedy ?? '')}`);
  }
}

function countOf(count: number, what: string): string {
  return `${grouped(count)} ${what}${count === 1 ? '' : 's'}`;
}
