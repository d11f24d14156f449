import type { GraphTask } from './graph.ts';

export type SensorTiming = NonNullable<GraphTask['sensor']>;

/** What follows a look that saw nothing: another one, or the end of the waiting. */
export type AfterLook =
  | { readonly kind: 'again'; readonly atMs: number }
  | { readonly kind: 'over'; readonly outcome: SensorTiming['onTimeout'] };

/**
 * Judges a look that saw nothing. Waiting ends `timeoutMs` after the first look, and `graceMs` after the interval's end
 * where there is a grace, whichever is earlier; there is always one look, and one at the very end.
 */
export function afterLook(
  sensor: SensorTiming,
  at: { readonly nowMs: number; readonly firstLookMs: number; readonly intervalEndMs: number },
): AfterLook {
  const endMs = Math.min(
    at.firstLookMs + sensor.timeoutMs,
    sensor.graceMs === undefined ? Number.POSITIVE_INFINITY : at.intervalEndMs + sensor.graceMs,
  );
  if (at.nowMs >= endMs) return { kind: 'over', outcome: sensor.onTimeout };
  return { kind: 'again', atMs: Math.min(at.nowMs + sensor.everyMs, endMs) };
}
