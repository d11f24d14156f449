import { errorText, SparkifyError } from '../core/errors.ts';
import { EPOCH_MS_MAX, EPOCH_MS_MIN } from './column.ts';
import { cronTimes } from './cron-times.ts';
import { type Duration, durationMs, durationWords } from './duration.ts';
import type { GraphSchedule } from './graph.ts';
import { gridOf } from './interval-grid.ts';
import { type TimeZone, timeZone } from './time-zone.ts';
import { instantOf } from './wall-clock.ts';

/** A moment: epoch milliseconds, a Date, or ISO text, which without an offset is a time of the schedule's zone. */
export type Moment = number | Date | string;

export interface ScheduleOptions {
  /** IANA name, such as 'Europe/Brussels'. @default 'UTC' */
  readonly timeZone?: string;
  /**
   * The first interval begins here or after. @default the grid reaches back over all event time, but runs are made only
   * from when the schedule is first seen
   */
  readonly start?: Moment;
  /** No interval ends after it. @default none */
  readonly end?: Moment;
  /** What becomes of intervals that ended while nothing ran. @default 'all' */
  readonly missed?: 'all' | 'latest' | 'none';
}

/**
 * The times of a cron pattern (five parts, or six with seconds first); an interval lasts from one to the next.
 * @throws SCHEDULE_INVALID
 */
export function cron(pattern: string, options: ScheduleOptions = {}): GraphSchedule {
  try {
    cronTimes(pattern);
  } catch (error) {
    throw new SparkifyError(
      'SCHEDULE_INVALID',
      {
        schedule: pattern,
        detail: errorText(error).replace(/^CronPattern: /u, ''),
        fix: "Five parts make a pattern: minute, hour, day of the month, month, day of the week, such as '0 7 * * *' for daily at 7.",
      },
      { cause: error },
    );
  }
  return schedule({ text: pattern.trim(), cron: pattern.trim(), everyMs: undefined }, options);
}

/**
 * Intervals of one length, the first of which begins at `start`. Whole days in a zone follow its calendar: they begin
 * at the same time of the local day, also when that day has 23 or 25 hours. All other lengths are elapsed time.
 * @throws SCHEDULE_INVALID, DURATION_INVALID
 */
export function every(length: Duration, options: ScheduleOptions = {}): GraphSchedule {
  const everyMs = durationMs(length, 'schedule');
  const text = `every ${durationWords(everyMs).replace(/^1 (\w+)$/u, '$1')}`;
  if (everyMs < 1000)
    throw new SparkifyError('SCHEDULE_INVALID', { schedule: text, detail: 'an interval lasts a second or more' });
  return schedule({ text, cron: undefined, everyMs }, options);
}

function schedule(
  what: Pick<GraphSchedule, 'text' | 'cron' | 'everyMs'>,
  { timeZone: name = 'UTC', start, end, missed = 'all' }: ScheduleOptions,
): GraphSchedule {
  const fail = (detail: string, fix?: string): never => {
    throw new SparkifyError('SCHEDULE_INVALID', { schedule: what.text, detail, ...(fix === undefined ? {} : { fix }) });
  };
  const zone =
    timeZone(name) ?? fail(`"${name}" is no time zone`, 'Write an IANA name, such as Europe/Brussels or UTC.');
  if (!['all', 'latest', 'none'].includes(missed))
    fail(`missed is "${missed}"`, 'Write all, latest or none: which of the missed intervals are run.');
  const moment = (given: Moment, field: string): number =>
    momentMs(given, zone) ??
    fail(
      `its ${field} "${String(given)}" is no moment`,
      'Write a date or time such as 2018-11-01 or 2018-11-01T07:00Z.',
    );
  const startMs = start === undefined ? firstMidnight(zone) : moment(start, 'start');
  const endMs = end === undefined ? undefined : moment(end, 'end');
  if (startMs < EPOCH_MS_MIN || startMs >= EPOCH_MS_MAX || (endMs !== undefined && endMs > EPOCH_MS_MAX))
    fail('event time lies between 2000 and 2100', 'Let it start and end within.');
  if (endMs !== undefined && startMs >= endMs)
    fail('it starts after its end', 'Exchange start and end, or correct one of them.');
  const result: GraphSchedule = {
    ...what,
    timeZone: name,
    startMs,
    startless: start === undefined,
    endMs,
    missed,
  };
  if (gridOf(result).next(startMs) === undefined)
    fail(
      endMs === undefined ? 'it never comes round' : 'no whole interval of it lies between start and end',
      'Correct the pattern, or move start and end apart.',
    );
  return result;
}

/** Where a grid without a start is anchored: the zone's first midnight within event time. */
function firstMidnight(zone: TimeZone): number {
  const midnight = instantOf(EPOCH_MS_MIN, zone);
  return midnight >= EPOCH_MS_MIN ? midnight : instantOf(EPOCH_MS_MIN + 86_400_000, zone);
}

const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?)?(Z|[+-]\d{2}:?\d{2})?$/iu;

function momentMs(given: Moment, zone: TimeZone): number | undefined {
  if (typeof given !== 'string') {
    const ms = Number(given);
    return Number.isSafeInteger(ms) ? ms : undefined;
  }
  const found = ISO.exec(given.trim());
  if (found === null) return undefined;
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '0', offset] = found;
  const wall = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const wallMs = Date.parse(`${wall}Z`) + Number(fraction.padEnd(3, '0'));
  // 30 February and 25:00 are no times, though Date would take some of them.
  if (!Number.isFinite(wallMs) || !new Date(wallMs).toISOString().startsWith(wall)) return undefined;
  if (offset === undefined) return instantOf(wallMs, zone);
  if (/^z$/iu.test(offset)) return wallMs;
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(-2));
  return wallMs - (offset.startsWith('-') ? -minutes : minutes) * 60_000;
}
