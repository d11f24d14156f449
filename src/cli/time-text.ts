/** An instant for people, in UTC to the second: 2018-11-01 07:00:05Z. */
export function momentText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

const STEPS = [
  ['day', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/** How long ago, or how far ahead, to one unit: 5 min ago, in 3 h, just now. */
export function distanceText(ms: number, nowMs: number): string {
  const distance = Math.abs(nowMs - ms);
  const [unit, size] = STEPS.find(([, step]) => distance >= step) ?? ['', 0];
  if (size === 0) return 'just now';
  const count = Math.floor(distance / size);
  const text = `${count} ${unit}${unit === 'day' && count > 1 ? 's' : ''}`;
  return ms <= nowMs ? `${text} ago` : `in ${text}`;
}
