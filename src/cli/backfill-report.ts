import { durationText } from '../core/duration-text.ts';
import { grouped } from '../core/grouped.ts';
import { formatInterval } from '../pipeline/interval.ts';
import type { Answer } from '../server/api.ts';
import { type GridState, gridLegend, renderCellGrid } from './cell-grid.ts';
import { type CliContext, line } from './context.ts';
import { inStateColor, stateText } from './state-mark.ts';
import { renderTable } from './table.ts';
import { truncate, visible } from './text-width.ts';
import { distanceText, momentText } from './time-text.ts';

type Backfill = Answer<'listBackfills'>['items'][number];
type Whole = Answer<'getBackfill'>;

/** Failed cells that are told one by one. */
const SHOWN = 15;

export async function printBackfills(context: CliContext, items: readonly Backfill[], nowMs: number): Promise<void> {
  const c = context.outColors;
  if (items.length === 0) return line(context.out, c.dim('no backfills; sparkify backfill PIPELINE makes one'));
  const right = { align: 'right' } as const;
  const lines = renderTable(
    [
      { title: 'backfill', ...right },
      { title: 'pipeline' },
      { title: 'interval' },
      { title: 'scope' },
      { title: 'state' },
      { title: 'done', ...right },
      { title: 'failed', ...right },
      { title: 'of', ...right },
      { title: 'asked for' },
      { title: 'why' },
    ],
    items.map((b) => [
      String(b.id),
      b.pipeline,
      b.interval,
      b.scope,
      stateText(b.state),
      grouped(b.counts.succeeded ?? 0),
      grouped(b.counts.failed ?? 0),
      grouped(cellsOf(b)),
      distanceText(b.createdAtMs, nowMs),
      truncate(visible(b.error?.message ?? b.waits ?? ''), 60),
    ]),
    c,
  );
  await line(
    context.out,
    lines.map((text, i) => (i < 2 ? text : inStateColor(c, items[i - 2]!.state, text))).join('\n'),
  );
}

export async function printBackfill(context: CliContext, found: Whole): Promise<void> {
  const c = context.outColors;
  const { out } = context;
  const state = inStateColor(c, found.state, stateText(found.state));
  await line(out, `${c.bold(`Backfill ${found.id} of ${found.pipeline}`)} ${found.interval}  ${state}`);
  const facts: readonly (readonly [string, string])[] = [
    [
      'scope',
      `${found.scope}${found.tasks === null ? '' : `, ${found.tasks.join(', ')}`}${found.newestFirst ? ', newest first' : ''}`,
    ],
    ['at a time', `${found.maxActive} runs`],
    ['asked for', `${momentText(found.createdAtMs)} by ${found.requestedBy}`],
    ...(found.finishedAtMs === null ? [] : ([['took', durationText(found.finishedAtMs - found.createdAtMs)]] as const)),
    ...(found.waits === null ? [] : ([['waits', found.waits]] as const)),
    ...(found.error === null ? [] : ([['why', found.error.message]] as const)),
    ...(found.error?.remedy ? ([['fix', found.error.remedy]] as const) : []),
  ];
  for (const [name, text] of facts) await line(out, `${c.dim(name.padEnd(9))} ${visible(text)}`);
  await line(out, `${c.dim('cells'.padEnd(9))} ${countsText(context, found)}`);
  await line(out);
  const states = found.cells.map((cell) => SHOWN_AS[cell.state]);
  const rows = [{ name: found.pipeline, states }];
  const starts = found.cells.map((cell) => cell.startMs);
  for (const text of renderCellGrid(starts, rows, { colors: c, width: context.columns })) await line(out, text);
  await line(out, gridLegend(c, new Set(states)));
  await printFailed(context, found);
}

const SHOWN_AS: Readonly<Record<Whole['cells'][number]['state'], GridState>> = {
  planned: 'missing',
  running: 'running',
  succeeded: 'done',
  failed: 'failed',
  cancelled: 'missing',
};

/** How many of its cells are in which state: 28 succeeded, 2 failed. */
export function countsText(context: CliContext, { counts }: Pick<Backfill, 'counts'>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => inStateColor(context.outColors, state as 'failed', `${grouped(count)} ${state}`))
    .join(', ');
}

export function cellsOf({ counts }: Pick<Backfill, 'counts'>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

export async function printFailed(context: CliContext, found: Whole): Promise<void> {
  const c = context.outColors;
  const failed = found.cells.filter((cell) => cell.state === 'failed');
  for (const cell of failed.slice(0, SHOWN)) {
    const run = cell.run === null ? '' : ` run ${cell.run}`;
    await line(
      context.out,
      `${c.red('✗')} ${formatInterval(cell)}${c.dim(`${run}:`)} ${truncate(visible(cell.reason ?? ''), 120)}`,
    );
  }
  if (failed.length > SHOWN) await line(context.out, c.dim(`… and ${failed.length - SHOWN} more; --json gives all`));
}
