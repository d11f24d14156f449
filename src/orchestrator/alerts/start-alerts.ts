import type { Clock } from '../../core/clock.ts';
import type { Timers } from '../../core/timers.ts';
import { createRedactor } from '../logs/redact.ts';
import type { Store } from '../store/store.ts';
import { noteAlerts } from './note-alerts.ts';
import { type Post, sendAlerts } from './send-alerts.ts';
import type { AlertTarget } from './targets.ts';

export interface AlertOptions {
  readonly targets: readonly AlertTarget[];
  readonly clock: Clock;
  /** Values that must not be sent anywhere. */
  readonly secrets?: readonly string[];
  /** @default HTTP */
  readonly post?: Post;
}

/**
 * Notes what happened since the last time and sends what is due; may be done by several processes at once.
 * @returns when something is due next; undefined: when the store tells of a change
 */
export async function alertStep(store: Store, options: AlertOptions): Promise<number | undefined> {
  const { targets, clock, post } = options;
  const own = targets.flatMap((t) => (t.secret === undefined ? [t.webhook] : [t.webhook, t.secret]));
  const redact = createRedactor([...(options.secrets ?? []), ...own]);
  await noteAlerts(store, targets, redact);
  return sendAlerts(store, { targets, nowMs: clock.nowMs(), redact, ...(post === undefined ? {} : { post }) });
}

export interface Alerts {
  /** Ends it after the step that is under way. */
  stop(): Promise<void>;
}

/** Busy stores tell of changes all the time; alerts need not follow each. */
const PAUSE_MS = 500;
const AFTER_ERROR_MS = 10_000;

/**
 * Does alert steps as the store changes and as deliveries become due, beside everything else: a webhook that hangs holds
 * nobody up. A store that cannot be reached is tried again.
 */
export function startAlerts(store: Store, options: AlertOptions & { readonly timers: Timers }): Alerts {
  const { clock, timers } = options;
  let stopped = false;
  let running: Promise<void> | undefined;
  let again = true;
  let cancel = (): void => {};
  const plan = (delayMs: number): void => {
    cancel();
    cancel = timers.later(delayMs, begin);
  };
  const step = async (): Promise<void> => {
    again = false;
    const nextMs = await alertStep(store, options).catch(() => clock.nowMs() + AFTER_ERROR_MS);
    running = undefined;
    if (stopped) return;
    if (again) plan(PAUSE_MS);
    else if (nextMs !== undefined) plan(Math.max(PAUSE_MS, nextMs - clock.nowMs()));
  };
  const begin = (): void => {
    if (stopped || running !== undefined) return;
    running = step();
  };
  const unlisten = store.onChange(() => {
    // While a step runs, the next one follows it; else it comes soon.
    if (running === undefined && !again) plan(PAUSE_MS);
    again = true;
  });
  begin();
  return {
    stop: async () => {
      stopped = true;
      unlisten();
      cancel();
      await running;
    },
  };
}
