import { SparkifyError } from '../core/errors.ts';

/** A length of time: milliseconds, or text such as `'5 minutes'`, `'1h'`, `'1 hour 30 minutes'`. */
export type Duration = number | string;

const UNITS: readonly (readonly [RegExp, number])[] = [
  [/^(?:ms|milliseconds?)$/u, 1],
  [/^(?:s|sec|secs|seconds?)$/u, 1_000],
  [/^(?:m|min|mins|minutes?)$/u, 60_000],
  [/^(?:h|hours?)$/u, 3_600_000],
  [/^(?:d|days?)$/u, 86_400_000],
  [/^(?:w|weeks?)$/u, 604_800_000],
];

const NAMES = [
  ['week', 604_800_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
  ['millisecond', 1],
] as const;

/**
 * The length in whole milliseconds, 0 or more; a day is 24 hours.
 * @param where what it is the length of, for the error
 * @throws DURATION_INVALID
 */
export function durationMs(duration: Duration, where: string): number {
  const fail = (detail: string): never => {
    throw new SparkifyError('DURATION_INVALID', { where, text: String(duration), detail });
  };
  if (typeof duration === 'number') {
    if (!Number.isSafeInteger(duration) || duration < 0) return fail('it is no whole number of milliseconds from 0 on');
    return duration;
  }
  const text = String(duration).trim().toLowerCase();
  if (!/^(?:\d+(?:\.\d+)?\s*[a-z]+[\s,]*)+$/u.test(text)) return fail('it is no number with a unit');
  let ms = 0;
  for (const [, count = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/gu)) {
    const found = UNITS.find(([pattern]) => pattern.test(unit));
    if (found === undefined) return fail(`"${unit}" is no unit`);
    ms += Number(count) * found[1];
  }
  ms = Math.round(ms);
  return Number.isSafeInteger(ms) ? ms : fail('it is too long');
}

/** The length in words, from the largest unit down: `1 hour 30 minutes`. */
export function durationWords(ms: number): string {
  const words: string[] = [];
  let rest = ms;
  for (const [name, size] of NAMES) {
    // Days are clearer than weeks unless it is whole weeks.
    if (name === 'week' && ms % size !== 0) continue;
    const count = Math.floor(rest / size);
    if (count === 0) continue;
    words.push(`${count} ${name}${count === 1 ? '' : 's'}`);
    rest -= count * size;
  }
  return words.length === 0 ? '0 seconds' : words.join(' ');
}
