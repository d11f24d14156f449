import { Cron, CronPattern } from 'croner';
import type { WallTimes } from './wall-clock.ts';

const DAY_MS = 86_400_000;

/**
 * The times of a cron pattern of five parts, or of six with seconds first; also `@hourly`, `@daily`, `@weekly`,
 * `@monthly`, `@yearly`. The library reads the pattern and finds the days; the times of a day are the same on each of
 * them. What zones do to them is ours: the library takes a thousand times as long over it, and leaves out a day whose
 * last hour the clock jumps over (America/Nuuk).
 * @throws Error with what is wrong in the pattern
 */
export function cronTimes(text: string): WallTimes {
  const pattern = new CronPattern(text.trim(), undefined, { mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' });
  // Nicknames are written out; what remains are the parts as given.
  const [day = '*', month = '*', weekday = '*'] = pattern.pattern.trim().split(/\s+/u).slice(-3);
  const timesOfDay = timesOf(pattern);
  const nextDay = daysOf(day, month, weekday);
  return {
    named: pattern.isFixedTime,
    between: (fromMs, untilMs) => {
      const result: number[] = [];
      for (
        let dayMs = nextDay(floorDay(fromMs));
        dayMs !== undefined && dayMs < untilMs;
        dayMs = nextDay(dayMs + DAY_MS)
      ) {
        for (const time of timesOfDay) {
          const at = dayMs + time;
          if (at >= fromMs && at < untilMs) result.push(at);
        }
      }
      return result;
    },
  };
}

function floorDay(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

/** Milliseconds of the day, in order. */
function timesOf({ hour, minute, second }: CronPattern): readonly number[] {
  const set = (flags: readonly number[]): readonly number[] =>
    flags.flatMap((flag, value) => (flag === 0 ? [] : value));
  const [hours, minutes, seconds] = [set(hour), set(minute), set(second)];
  return hours.flatMap((h) => minutes.flatMap((m) => seconds.map((s) => ((h * 60 + m) * 60 + s) * 1000)));
}

/** The first matching day from one on, as its midnight; undefined when there is none up to the year 10000. */
function daysOf(day: string, month: string, weekday: string): (fromMs: number) => number | undefined {
  const parts = [day, month, weekday];
  if (parts.every((p) => p === '*' || p === '?')) return (fromMs) => fromMs;
  const days = new Cron(`0 0 0 ${parts.join(' ')}`, { utcOffset: 0, paused: true, mode: '6-part' });
  return (fromMs) => days.nextRun(new Date(fromMs - 1000))?.getTime();
}
