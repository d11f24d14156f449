import { SparkifyError } from '../core/errors.ts';
import { EPOCH_MS_MAX, EPOCH_MS_MIN } from './column.ts';
import { type Interval, overlaps } from './interval.ts';

/** The finest token of a template: how much event time one object holds. */
export type Period = 'year' | 'month' | 'day' | 'hour';

/** A compiled key template, such as `log_data/{yyyy}/{MM}/{yyyy-MM-dd}-events.json`. All times are UTC. */
export interface KeyTemplate {
  readonly text: string;
  readonly period: Period;
  /** The period a key stands for, half-open; undefined when the key does not fit or names no date of the calendar. */
  match(key: string): Interval | undefined;
  /** Listing prefixes, sorted and disjoint, that together hold every key whose period overlaps the interval. */
  prefixesFor(interval: Interval): readonly string[];
  /** The whole periods that overlap the interval, in order. */
  periods(interval: Interval): readonly Interval[];
  /** The interval grown to whole periods, and by `lookback` and `lookahead` further ones; kept within event time. */
  widen(interval: Interval, lookback: number, lookahead: number): Interval;
}

const TOKENS = { yyyy: 'year', MM: 'month', dd: 'day', HH: 'hour' } as const satisfies Record<string, Period>;
const PERIODS = ['year', 'month', 'day', 'hour'] as const satisfies readonly Period[];

/** With more prefixes than this of a unit, reading some keys too many under the coarser unit is cheaper than asking so often. */
const MAX_PREFIXES = { year: 64, month: 64, day: 8, hour: 8 } as const satisfies Record<Period, number>;

type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'token'; readonly period: Period }
  | { readonly kind: 'any' };

/**
 * Compiles a template: the tokens `{yyyy} {MM} {dd} {HH}`, patterns that combine them in one brace (`{yyyy-MM-dd}`),
 * and `*` for any characters of one part of the key; everything else stands for itself. A key may end in `.gz` besides.
 * @throws TEMPLATE_INVALID
 */
export function compileTemplate(text: string): KeyTemplate {
  const pieces = parse(text);
  const period = finestPeriod(text, pieces);
  // A compressed object is the same object: its key may have `.gz` after what the template says.
  const pattern = new RegExp(`^${pieces.map(pieceSource).join('')}(?:\\.gz)?$`, 'su');
  const tokens = pieces.flatMap((p) => (p.kind === 'token' ? [p.period] : []));

  return {
    text,
    period,
    match: (key) => {
      const found = pattern.exec(key);
      return found === null ? undefined : intervalOf(tokens, found, period);
    },
    prefixesFor: (interval) => prefixes(pieces, period, interval),
    periods: (interval) => {
      const result: Interval[] = [];
      for (let at = floorTo(interval.startMs, period); at < interval.endMs; ) {
        const next = step(at, period, 1);
        result.push({ startMs: at, endMs: next });
        at = next;
      }
      return result;
    },
    widen: (interval, lookback, lookahead) => {
      const first = floorTo(interval.startMs, period);
      const lastFloor = floorTo(interval.endMs, period);
      const last = lastFloor === interval.endMs ? lastFloor : step(lastFloor, period, 1);
      return {
        startMs: Math.max(EPOCH_MS_MIN, step(first, period, -lookback)),
        endMs: Math.min(EPOCH_MS_MAX, step(last, period, lookahead)),
      };
    },
  };
}

function invalid(template: string, detail: string): SparkifyError {
  return new SparkifyError('TEMPLATE_INVALID', { template, detail });
}

function parse(text: string): readonly Piece[] {
  if (text === '') throw invalid(text, 'it is empty');
  if (text.startsWith('/')) throw invalid(text, 'it begins with "/", but keys are named below their root');
  if (text.split('/').some((part) => part === '..' || part === '.'))
    throw invalid(text, 'it has a part "." or "..", which no key has');
  const pieces: Piece[] = [];
  const addText = (t: string): void => {
    t.split('*').forEach((run, i) => {
      if (i > 0 && pieces.at(-1)?.kind !== 'any') pieces.push({ kind: 'any' });
      if (run !== '') pieces.push({ kind: 'text', text: run });
    });
  };
  let rest = text;
  while (rest !== '') {
    const open = rest.indexOf('{');
    const plain = open === -1 ? rest : rest.slice(0, open);
    if (plain.includes('}')) throw invalid(text, 'a "}" has no "{" before it');
    addText(plain);
    if (open === -1) break;
    const close = rest.indexOf('}', open);
    const inner = close === -1 ? '' : rest.slice(open + 1, close);
    if (close === -1 || inner.includes('{')) throw invalid(text, 'a "{" is not closed by a "}"');
    parsePattern(text, inner, pieces);
    rest = rest.slice(close + 1);
  }
  return pieces;
}

function parsePattern(template: string, pattern: string, pieces: Piece[]): void {
  if (pattern === '') throw invalid(template, 'the braces "{}" are empty');
  for (const run of pattern.match(/([A-Za-z])\1*|[^A-Za-z]+/g) ?? []) {
    if (!/^[A-Za-z]/.test(run)) pieces.push({ kind: 'text', text: run });
    else if (Object.hasOwn(TOKENS, run)) pieces.push({ kind: 'token', period: TOKENS[run as keyof typeof TOKENS] });
    else {
      const near = { y: '{yyyy}', m: '{MM}', d: '{dd}', h: '{HH}' }[(run[0] ?? '').toLowerCase()];
      const hint = near === undefined ? '' : `; did you mean ${near}?`;
      throw invalid(template, `"${run}" in "{${pattern}}" is no token${hint}`);
    }
  }
}

function finestPeriod(template: string, pieces: readonly Piece[]): Period {
  const has = PERIODS.map((p) => pieces.some((x) => x.kind === 'token' && x.period === p));
  const finest = has.lastIndexOf(true);
  if (finest === -1) throw invalid(template, 'it has no token of a date');
  const gap = has.indexOf(false);
  if (gap !== -1 && gap < finest)
    throw invalid(template, `it has a token for the ${PERIODS[finest]}, but none for the ${PERIODS[gap]}`);
  return PERIODS[finest]!;
}

function pieceSource(piece: Piece): string {
  if (piece.kind === 'any') return '[^/]*';
  if (piece.kind === 'token') return piece.period === 'year' ? '([0-9]{4})' : '([0-9]{2})';
  return piece.text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function intervalOf(tokens: readonly Period[], found: RegExpExecArray, period: Period): Interval | undefined {
  const values: Record<Period, number> = { year: -1, month: 1, day: 1, hour: 0 };
  const seen = new Set<Period>();
  for (const [i, token] of tokens.entries()) {
    const value = Number(found[i + 1]);
    if (seen.has(token) && values[token] !== value) return undefined;
    seen.add(token);
    values[token] = value;
  }
  const startMs = Date.UTC(values.year, values.month - 1, values.day, values.hour);
  const back = fields(startMs);
  // Date.UTC wraps 30 February into March, and takes the years 0–99 for 1900–1999.
  return PERIODS.every((p) => back[p] === values[p]) ? { startMs, endMs: step(startMs, period, 1) } : undefined;
}

function fields(ms: number): Record<Period, number> {
  const at = new Date(ms);
  return { year: at.getUTCFullYear(), month: at.getUTCMonth() + 1, day: at.getUTCDate(), hour: at.getUTCHours() };
}

function floorTo(ms: number, period: Period): number {
  const f = fields(ms);
  const depth = PERIODS.indexOf(period);
  return Date.UTC(f.year, depth >= 1 ? f.month - 1 : 0, depth >= 2 ? f.day : 1, depth >= 3 ? f.hour : 0);
}

/** `count` periods on from the start of a period. */
function step(ms: number, period: Period, count: number): number {
  if (period === 'hour') return ms + count * 3_600_000;
  if (period === 'day') return ms + count * 86_400_000;
  const f = fields(ms);
  return period === 'month' ? Date.UTC(f.year, f.month - 1 + count, 1) : Date.UTC(f.year + count, 0, 1);
}

/** How many periods overlap the interval, without listing them. */
function countPeriods(interval: Interval, period: Period): number {
  const last = interval.endMs - 1;
  if (period === 'hour' || period === 'day') {
    const length = period === 'hour' ? 3_600_000 : 86_400_000;
    return Math.floor(last / length) - Math.floor(interval.startMs / length) + 1;
  }
  const [a, b] = [fields(interval.startMs), fields(last)];
  return period === 'year' ? b.year - a.year + 1 : (b.year - a.year) * 12 + b.month - a.month + 1;
}

/** Pieces up to the first that is not decided by a period this fine. */
function decidedPieces(pieces: readonly Piece[], depth: number): readonly Piece[] {
  const end = pieces.findIndex((p) => p.kind === 'any' || (p.kind === 'token' && PERIODS.indexOf(p.period) > depth));
  return end === -1 ? pieces : pieces.slice(0, end);
}

function prefixes(pieces: readonly Piece[], period: Period, interval: Interval): readonly string[] {
  if (interval.startMs >= interval.endMs) return [];
  for (let depth = PERIODS.indexOf(period); depth >= 0; depth--) {
    const unit = PERIODS[depth]!;
    const decided = decidedPieces(pieces, depth);
    const used = new Set(decided.flatMap((p) => (p.kind === 'token' ? [p.period] : [])));
    if (!used.has(unit) || countPeriods(interval, unit) > MAX_PREFIXES[unit]) continue;
    const result = new Set<string>();
    for (let at = floorTo(interval.startMs, unit); at < interval.endMs; at = step(at, unit, 1)) {
      const f = fields(at);
      result.add(
        decided
          .map((p) => (p.kind === 'token' ? pad(f[p.period], p.period) : p.kind === 'text' ? p.text : ''))
          .join(''),
      );
    }
    return disjoint([...result]);
  }
  const fixed = pieces[0];
  return [fixed?.kind === 'text' ? fixed.text : ''];
}

function pad(value: number, period: Period): string {
  return String(value).padStart(period === 'year' ? 4 : 2, '0');
}

/** Sorted, without those that begin with another one. */
function disjoint(all: readonly string[]): readonly string[] {
  const sorted = [...all].sort();
  return sorted.filter((p, i) => !sorted.slice(0, i).some((q) => p.startsWith(q)));
}

/** Does the key fit the template with a period that overlaps? Without an interval every fitting key does. */
export function keyInInterval(template: KeyTemplate, key: string, interval: Interval | undefined): boolean | undefined {
  const period = template.match(key);
  if (period === undefined) return undefined;
  return interval === undefined || overlaps(period, interval);
}
