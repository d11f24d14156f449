import type { Row } from './canonical.ts';
import type { PlantedBug } from './planted-bugs.ts';

const DAY_MS = 86_400_000;

function week(ms: number, bug: PlantedBug | undefined): number {
  const year = new Date(ms).getUTCFullYear();
  const dayOfYear = Math.floor((ms - Date.UTC(year, 0, 1)) / DAY_MS);
  if (bug === 'week of the year by days') return Math.floor(dayOfYear / 7) + 1;
  if (bug === 'weeks begin on Sunday') {
    return Math.floor((dayOfYear + new Date(Date.UTC(year, 0, 1)).getUTCDay()) / 7) + 1;
  }
  // The week of a day is that of its Thursday: counted here from the fourth of January, which is always in week 1.
  for (const start of [year + 1, year, year - 1]) {
    const fourth = Date.UTC(start, 0, 4);
    const monday = fourth - ((new Date(fourth).getUTCDay() + 6) % 7) * DAY_MS;
    if (ms >= monday) return Math.floor((ms - monday) / (7 * DAY_MS)) + 1;
  }
  throw new Error('no week');
}

/** A row of `time` with, perhaps, a planted bug. */
export function plantedTimeRow(ms: number, bug: PlantedBug | undefined): Row {
  const d = new Date(ms);
  const weekday = bug === 'weekday Monday first' ? (d.getUTCDay() + 6) % 7 : d.getUTCDay();
  return [ms, d.getUTCHours(), d.getUTCDate(), week(ms, bug), d.getUTCMonth() + 1, d.getUTCFullYear(), weekday];
}
