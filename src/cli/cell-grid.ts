import type { Colors } from 'picocolors/types.js';
import { formatInstant } from '../pipeline/interval.ts';
import { inStateColor, stateMark } from './state-mark.ts';
import { padEnd, textWidth, truncate } from './text-width.ts';

export type GridState = 'done' | 'missing' | 'failed' | 'stale' | 'running';

/** The worst first: of several cells in one column that one is shown. */
const WORST: readonly GridState[] = ['failed', 'stale', 'running', 'missing', 'done'];

export interface GridRow {
  readonly name: string;
  /** One for each interval. */
  readonly states: readonly GridState[];
}

export interface GridStyle {
  readonly colors: Colors;
  /** Columns of the terminal. */
  readonly width: number;
}

const LONGEST_NAME = 28;

/** A character for each cell; where there are more intervals than columns, one for several, which shows the worst. */
export function renderCellGrid(
  starts: readonly number[],
  rows: readonly GridRow[],
  { colors, width }: GridStyle,
): readonly string[] {
  if (starts.length === 0 || rows.length === 0) return [];
  const name = Math.min(LONGEST_NAME, Math.max(...rows.map((r) => textWidth(r.name))));
  const room = Math.max(10, width - name - 2);
  const each = Math.ceil(starts.length / room);
  const columns = Math.ceil(starts.length / each);
  const lines = rows.map((row) => {
    let text = '';
    for (let c = 0; c < columns; c++) {
      const states = row.states.slice(c * each, (c + 1) * each);
      const state = WORST.find((s) => states.includes(s)) ?? 'missing';
      text += inStateColor(colors, state, stateMark(state));
    }
    return `${padEnd(truncate(row.name, name), name)}  ${text}`;
  });
  const scale = `${' '.repeat(name + 2)}${colors.dim(scaleText(starts, each, columns))}`;
  const note =
    each === 1
      ? []
      : [colors.dim(`${' '.repeat(name + 2)}each column stands for ${each} intervals and shows the worst`)];
  return [scale, ...lines, ...note];
}

/** Where the first interval of a year, a month or a day lies, as far as there is room for its name. */
function scaleText(starts: readonly number[], each: number, columns: number): string {
  const at = Array.from({ length: columns }, (_, c) => starts[c * each]!);
  let text = '';
  for (const [c, start] of at.entries()) {
    if (c < text.length + (c === 0 ? 0 : 1)) continue;
    const label = c === 0 ? formatInstant(start).slice(0, 10) : changeLabel(at[c - 1]!, start);
    if (label === undefined || (c > 0 && c + label.length > columns)) continue;
    text = text.padEnd(c) + label;
  }
  return text;
}

function changeLabel(beforeMs: number, ms: number): string | undefined {
  const [before, now] = [beforeMs, ms].map((t) => new Date(t).toISOString());
  if (before!.slice(0, 4) !== now!.slice(0, 4)) return now!.slice(0, 7);
  if (before!.slice(0, 7) !== now!.slice(0, 7)) return now!.slice(5, 7);
  return undefined;
}

/** What the marks mean. */
export function gridLegend(colors: Colors, present: ReadonlySet<GridState>): string {
  return [...WORST]
    .reverse()
    .filter((state) => present.has(state))
    .map((state) => inStateColor(colors, state, `${stateMark(state)} ${state}`))
    .join('  ');
}
