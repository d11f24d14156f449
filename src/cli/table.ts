import { padEnd, padStart, textWidth, visible } from './text-width.ts';

export interface TextColumn {
  readonly title: string;
  /** @default 'left' */
  readonly align?: 'left' | 'right';
}

export interface TableStyle {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
}

/** Lines of a table; null cells are shown as a dim "null". */
export function renderTable(
  columns: readonly TextColumn[],
  rows: readonly (readonly (string | null)[])[],
  style: TableStyle,
): readonly string[] {
  const shown = rows.map((row) => row.map((cell) => (cell === null ? 'null' : visible(cell))));
  const widths = columns.map((c, i) =>
    shown.reduce((width, row) => Math.max(width, textWidth(row[i] ?? '')), textWidth(visible(c.title))),
  );
  const last = columns.length - 1;
  const place = (text: string, i: number): string => {
    if (columns[i]!.align === 'right') return padStart(text, widths[i]!);
    return i === last ? text : padEnd(text, widths[i]!);
  };
  const header = columns.map((c, i) => style.bold(place(visible(c.title), i))).join('  ');
  const rule = style.dim(widths.map((w) => '─'.repeat(w)).join('  '));
  const body = shown.map((row, r) =>
    row.map((cell, i) => (rows[r]![i] === null ? style.dim(place(cell, i)) : place(cell, i))).join('  '),
  );
  return [header, rule, ...body];
}
