import { SparkifyError } from '../core/errors.ts';
import { EPOCH_MS_MAX, EPOCH_MS_MIN } from './column.ts';

/** A half-open interval of event time in epoch milliseconds, UTC: `[startMs, endMs)`. */
export interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

export const ALL_TIME: Interval = { startMs: EPOCH_MS_MIN, endMs: EPOCH_MS_MAX };

export function isAllTime(interval: Interval): boolean {
  return interval.startMs <= EPOCH_MS_MIN && interval.endMs >= EPOCH_MS_MAX;
}

const ISO = /^\d{4}(-\d{2}(-\d{2}([T ]\d{2}(:\d{2}(:\d{2}(\.\d{1,3})?)?)?(Z|\+00:00)?)?)?)?$/;

/** Reads a UTC date or time, such as `2018-11-01` or `2018-11-01T10:00Z`. @throws INTERVAL_INVALID */
export function parseInstant(text: string, whole: string = text): number {
  const fail = (detail: string): never => {
    throw new SparkifyError('INTERVAL_INVALID', { text: whole, detail });
  };
  if (!ISO.test(text)) return fail(`"${text}" is no UTC date or time`);
  const [date = '', time = ''] = text.replace(/(Z|\+00:00)$/, '').split(/[T ]/);
  const [y, mo = '01', d = '01'] = date.split('-');
  const [h = '00', mi = '00', s = '00'] = time === '' ? [] : time.split(':');
  const [sec = '00', ms = '0'] = s.split('.');
  const value = Date.UTC(
    Number(y),
    Number(mo) - 1,
    Number(d),
    Number(h),
    Number(mi),
    Number(sec),
    Number(ms.padEnd(3, '0')),
  );
  const back = new Date(value).toISOString();
  if (!back.startsWith(`${y}-${mo}-${d}T${h}:${mi}:${sec}`)) return fail(`"${text}" is no date of the calendar`);
  return value;
}

/** Reads `START/END`, or one day, month or year (`2018-11-01`, `2018-11`). @throws INTERVAL_INVALID */
export function parseInterval(text: string): Interval {
  const parts = text.split('/');
  const [first = '', second] = parts;
  if (parts.length > 2) throw new SparkifyError('INTERVAL_INVALID', { text, detail: 'there is more than one "/"' });
  const startMs = parseInstant(first, text);
  const endMs = second === undefined ? endOfPeriod(text, first, startMs) : parseInstant(second, text);
  if (endMs <= startMs)
    throw new SparkifyError('INTERVAL_INVALID', { text, detail: 'it ends before it begins, or is empty' });
  if (startMs < EPOCH_MS_MIN || endMs > EPOCH_MS_MAX)
    throw new SparkifyError('INTERVAL_INVALID', { text, detail: 'event time lies between 2000 and 2100' });
  return { startMs, endMs };
}

function endOfPeriod(whole: string, text: string, startMs: number): number {
  const at = new Date(startMs);
  if (/^\d{4}$/.test(text)) return Date.UTC(at.getUTCFullYear() + 1, 0, 1);
  if (/^\d{4}-\d{2}$/.test(text)) return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1);
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return startMs + 86_400_000;
  if (/T\d{2}(Z)?$/.test(text)) return startMs + 3_600_000;
  throw new SparkifyError('INTERVAL_INVALID', { text: whole, detail: 'it has no end' });
}

export function formatInstant(ms: number): string {
  const iso = new Date(ms).toISOString();
  if (iso.endsWith('T00:00:00.000Z')) return iso.slice(0, 10);
  return iso.endsWith(':00.000Z') ? `${iso.slice(0, 16)}Z` : iso;
}

export function formatInterval(interval: Interval): string {
  return isAllTime(interval) ? 'all time' : `${formatInstant(interval.startMs)}/${formatInstant(interval.endMs)}`;
}

export function overlaps(a: Interval, b: Interval): boolean {
  return a.startMs < b.endMs && b.startMs < a.endMs;
}

/** Sorted, disjoint, non-adjacent intervals that cover the same instants. */
export function normalize(intervals: readonly Interval[]): readonly Interval[] {
  const sorted = [...intervals].filter((i) => i.startMs < i.endMs).sort((a, b) => a.startMs - b.startMs);
  const result: Interval[] = [];
  for (const i of sorted) {
    const last = result.at(-1);
    if (last !== undefined && i.startMs <= last.endMs)
      result[result.length - 1] = { startMs: last.startMs, endMs: Math.max(last.endMs, i.endMs) };
    else result.push(i);
  }
  return result;
}

export function union(a: readonly Interval[], b: readonly Interval[]): readonly Interval[] {
  return normalize([...a, ...b]);
}

/** What is in `a` and not in `b`. */
export function subtract(a: readonly Interval[], b: readonly Interval[]): readonly Interval[] {
  let rest = normalize(a);
  for (const cut of normalize(b)) {
    rest = rest.flatMap((i) =>
      overlaps(i, cut)
        ? [
            { startMs: i.startMs, endMs: Math.min(i.endMs, cut.startMs) },
            { startMs: Math.max(i.startMs, cut.endMs), endMs: i.endMs },
          ].filter((p) => p.startMs < p.endMs)
        : [i],
    );
  }
  return rest;
}

/** Is every instant of `inner` in `outer` (normalised)? */
export function covers(outer: readonly Interval[], inner: Interval): boolean {
  return outer.some((o) => o.startMs <= inner.startMs && inner.endMs <= o.endMs);
}
