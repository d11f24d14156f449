import { grouped } from '../core/grouped.ts';
import { padEnd, padStart, textWidth, truncate, visible } from './text-width.ts';

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

export interface Bar {
  readonly label: string;
  readonly value: number;
}

/** Lines of a horizontal bar chart that fits `width` columns; bars are proportional to the largest value. */
export function renderBars(
  bars: readonly Bar[],
  options: { readonly width: number; readonly color: (text: string) => string },
): readonly string[] {
  const labels = bars.map((b) => truncate(visible(b.label), Math.max(8, Math.floor(options.width * 0.4))));
  const values = bars.map((b) => (Number.isInteger(b.value) ? grouped(b.value) : String(b.value)));
  const labelWidth = Math.max(0, ...labels.map(textWidth));
  const valueWidth = Math.max(0, ...values.map((v) => v.length));
  const space = Math.max(8, Math.min(60, options.width - labelWidth - valueWidth - 4));
  const largest = Math.max(0, ...bars.map((b) => b.value));
  return bars.map((bar, i) => {
    const eighths = largest <= 0 || bar.value <= 0 ? 0 : Math.max(1, Math.round((bar.value / largest) * space * 8));
    const blocks = '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
    return `${padEnd(labels[i]!, labelWidth)}  ${padStart(values[i]!, valueWidth)}  ${options.color(blocks)}`.trimEnd();
  });
}
