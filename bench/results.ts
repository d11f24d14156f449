import { appendFileSync } from 'node:fs';
import type { Measured } from './measured-process.ts';

/** One row of the table of speed and memory. */
export interface ResultRow {
  readonly measure: string;
  /** For example `≤ 0.6`; absent for rows that only inform. */
  readonly goal?: string;
  readonly value: number;
  readonly unit: string;
  /** What the value was made of: medians of both sides, sizes, rounds. */
  readonly detail: string;
}

/** Where `bench/all` gathers the rows of the scripts that it runs. */
const ROWS_FILE = 'SPARKIFY_BENCH_ROWS';

/** Prints rows; under `bench/all` also hands them over. */
export function report(rows: readonly ResultRow[]): void {
  for (const r of rows) {
    console.log(
      `${r.measure}: ${shown(r)}${r.goal === undefined ? '' : ` (goal ${r.goal}: ${isMet(r) ? 'met' : 'missed'})`}`,
    );
    console.log(`    ${r.detail}`);
  }
  const file = process.env[ROWS_FILE];
  if (file !== undefined) appendFileSync(file, rows.map((r) => `${JSON.stringify(r)}\n`).join(''));
}

export function shown(row: ResultRow): string {
  const digits = Math.abs(row.value) >= 100 ? 0 : 2;
  return `${row.value.toLocaleString('en-US', { maximumFractionDigits: digits })}${row.unit === '' ? '' : ` ${row.unit}`}`;
}

/** Does the value keep to its goal? */
export function isMet(row: ResultRow): boolean | undefined {
  const goal = /^([≤≥])\s*([\d,.]+)/u.exec(row.goal ?? '');
  if (goal === null) return undefined;
  const bound = Number(goal[2]!.replaceAll(',', ''));
  return goal[1] === '≤' ? row.value <= bound : row.value >= bound;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Median of the ratios of the rounds, wall time against wall time of the same round. */
export function medianRatio(ours: readonly Measured[], theirs: readonly Measured[]): number {
  return median(ours.map((m, i) => m.wallSeconds / theirs[i]!.wallSeconds));
}

/** `sparkify 1.23 s, CPU 2.34 s, 321 MB` */
export function describe(name: string, runs: readonly Measured[]): string {
  const of = (pick: (m: Measured) => number): number => median(runs.map(pick));
  return `${name} ${of((m) => m.wallSeconds).toFixed(2)} s, CPU ${of((m) => m.cpuSeconds).toFixed(2)} s, ${Math.max(...runs.map((m) => m.peakMb)).toFixed(0)} MB`;
}

/** A line of progress. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
