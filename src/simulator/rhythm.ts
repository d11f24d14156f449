import { sineOfTurns } from './exact-math.ts';
import type { ResolvedSimulation } from './options.ts';

const QUARTER_SECONDS = 900;
const QUARTERS_A_DAY = 96;
const DAY_SECONDS = 86_400;

/** How likely a session begins at a moment, compared with the peak: a daily wave, quieter weekends and holidays. */
export interface Rhythm {
  /** Accept a session that would begin at `second` (epoch) when a 32-bit draw is below this. */
  threshold(second: number): number;
  /** Mean of the thresholds over an ordinary week, in (0, 1]. */
  readonly mean: number;
}

export function makeRhythm(damping: ResolvedSimulation['knobs']['damping']): Rhythm {
  const day = new Float64Array(QUARTERS_A_DAY);
  let daySum = 0;
  for (let quarter = 0; quarter < QUARTERS_A_DAY; quarter++) {
    const wave = sineOfTurns(((quarter + 0.5) / 4 - damping.peakHour) / 24 + 0.25);
    day[quarter] = Math.floor((1 - (damping.daily * (1 - wave)) / 2) * 65_536);
    daySum += day[quarter] as number;
  }
  const holidays = new Set(damping.holidays);
  const factors = new Map<number, number>();
  const dayFactor = (dayNumber: number): number => {
    const known = factors.get(dayNumber);
    if (known !== undefined) return known;
    const date = new Date(dayNumber * DAY_SECONDS * 1000);
    const text = date.toISOString().slice(0, 10);
    const weekday = date.getUTCDay();
    let factor = weekday === 0 || weekday === 6 ? 1 - damping.weekend : 1;
    if (holidays.has(text) || holidays.has(text.slice(5))) factor *= 1 - damping.holiday;
    factors.set(dayNumber, factor);
    return factor;
  };
  return {
    threshold: (second) => {
      const dayNumber = Math.floor(second / DAY_SECONDS);
      const quarter = Math.floor((second - dayNumber * DAY_SECONDS) / QUARTER_SECONDS);
      return (day[quarter] as number) * dayFactor(dayNumber) * 65_536;
    },
    mean: (daySum / QUARTERS_A_DAY / 65_536) * ((5 + 2 * (1 - damping.weekend)) / 7),
  };
}
