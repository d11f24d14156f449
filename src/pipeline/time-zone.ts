/** From `atMs` on, the zone's offset is `afterMs` (local minus UTC) instead of `beforeMs`. */
export interface Transition {
  readonly atMs: number;
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** A time zone as its offsets; it remembers what it looked up. */
export interface TimeZone {
  readonly name: string;
  /** Local minus UTC, in milliseconds. */
  offsetAt(ms: number): number;
  /** Changes of the offset in `[fromMs, untilMs)`, in order. */
  transitions(fromMs: number, untilMs: number): readonly Transition[];
}

const DAY_MS = 86_400_000;
/**
 * Offsets are compared so far apart. No zone changes its offset and back within a week since 2000: those that leave
 * summer time for Ramadan do so for four weeks and more. The long test looks at every hour of every zone.
 */
const STEP_MS = 7 * DAY_MS;
const STEPS = 52;
const CHUNK_MS = STEPS * STEP_MS;

/** The zone of an IANA name; undefined when there is none. */
export function timeZone(name: string): TimeZone | undefined {
  if (isUtc(name)) return { name, offsetAt: () => 0, transitions: () => [] };
  const format = formatter(name);
  if (format === undefined) return undefined;
  const offsetAt = (ms: number): number => parseOffset(format.format(ms));
  const chunks = new Map<number, readonly Transition[]>();
  const chunk = (index: number): readonly Transition[] => {
    const known = chunks.get(index);
    if (known !== undefined) return known;
    const found: Transition[] = [];
    let at = index * CHUNK_MS;
    let beforeMs = offsetAt(at);
    for (let step = 0; step < STEPS; step++) {
      const end = at + STEP_MS;
      const endOffset = offsetAt(end);
      // Several changes in one step are found as long as its two ends differ.
      while (beforeMs !== endOffset) {
        const atMs = firstChange(offsetAt, at, end, beforeMs);
        const afterMs = offsetAt(atMs);
        found.push({ atMs, beforeMs, afterMs });
        at = atMs;
        beforeMs = afterMs;
      }
      at = end;
    }
    chunks.set(index, found);
    return found;
  };
  return {
    name,
    offsetAt,
    transitions: (fromMs, untilMs) => {
      const result: Transition[] = [];
      for (let index = Math.floor(fromMs / CHUNK_MS); index * CHUNK_MS < untilMs; index++)
        result.push(...chunk(index).filter((t) => t.atMs >= fromMs && t.atMs < untilMs));
      return result;
    },
  };
}

function isUtc(name: string): boolean {
  return /^(?:etc\/)?(?:utc|gmt|uct|zulu)$/iu.test(name);
}

function formatter(name: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  } catch {
    return undefined;
  }
}

/** `…, GMT+05:30` or `…, GMT`. */
function parseOffset(text: string): number {
  const found = /GMT([+-])(\d{2}):(\d{2})(?::(\d{2}))?$/u.exec(text.replace('\u2212', '-'));
  if (found === null) return 0;
  const [, sign, hours, minutes, seconds = '0'] = found;
  const ms = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
  return sign === '-' ? -ms : ms;
}

/** The first whole second in `(lowMs, highMs]` at which the offset is another one; it is so at `highMs`. */
function firstChange(offsetAt: (ms: number) => number, lowMs: number, highMs: number, offset: number): number {
  let [low, high] = [lowMs / 1000, highMs / 1000];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(middle * 1000) === offset) low = middle;
    else high = middle;
  }
  return high * 1000;
}
