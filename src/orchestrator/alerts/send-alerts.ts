import { createHmac } from 'node:crypto';
import { errorText } from '../../core/errors.ts';
import type { Redact } from '../logs/redact.ts';
import type { Store } from '../store/store.ts';
import type { DeliveryRow } from '../store/tables.ts';
import { type AlertTarget, targetName } from './targets.ts';

/** Calls a URL; redirects are not followed. */
export type Post = (
  url: string,
  request: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
) => Promise<{ readonly status: number }>;

export const DELIVERY_TRIES = 10;
const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 3_600_000;
const TIMEOUT_MS = 10_000;

/** A delivery that a process has taken belongs to it for so long; then that process is taken for dead. */
const CLAIM_MS = 60_000;
const AT_ONCE = 10;

/**
 * Sends what is due. A webhook is called at least once: when this process dies between the call and the note of it, it is
 * called again, with the same `Sparkify-Delivery`. @returns when the next one is due; undefined: none waits
 */
export async function sendAlerts(
  store: Store,
  options: {
    readonly targets: readonly AlertTarget[];
    readonly nowMs: number;
    readonly redact: Redact;
    readonly post?: Post;
  },
): Promise<number | undefined> {
  const { targets, nowMs, redact, post = postOverHttp } = options;
  for (;;) {
    const nextMs = await nextDueMs(store);
    if (nextMs === undefined || nextMs > nowMs) return nextMs;
    const claimed = await claim(store);
    // Due by this machine's clock, but not by the store's.
    if (claimed.length === 0) return nextMs;
    await Promise.all(
      claimed.map(async (delivery) => {
        const target = targets.find((t) => targetName(t.webhook) === delivery.target);
        if (target === undefined) return settle(store, delivery, 'the configuration names it no more', true);
        const failure = await send(delivery, target, nowMs, post);
        const hidden = failure?.replaceAll(target.webhook, '***');
        return settle(store, delivery, hidden === undefined ? undefined : redact(hidden), false);
      }),
    );
  }
}

async function nextDueMs(store: Store): Promise<number | undefined> {
  const row = await store.db
    .selectFrom('deliveries')
    .select('next_at_ms')
    .where('state', '=', 'pending')
    .orderBy('next_at_ms')
    .limit(1)
    .executeTakeFirst();
  return row?.next_at_ms;
}

async function claim(store: Store): Promise<readonly DeliveryRow[]> {
  return store.write(async (tx) => {
    const due = await tx.db
      .selectFrom('deliveries')
      .selectAll()
      .where('state', '=', 'pending')
      .where('next_at_ms', '<=', tx.nowMs)
      .orderBy('next_at_ms')
      .limit(AT_ONCE)
      .execute();
    const mine: DeliveryRow[] = [];
    for (const row of due) {
      const { numUpdatedRows } = await tx.db
        .updateTable('deliveries')
        .set({ tries: row.tries + 1, next_at_ms: tx.nowMs + CLAIM_MS })
        .where('key', '=', row.key)
        .where('state', '=', 'pending')
        .where('tries', '=', row.tries)
        .executeTakeFirstOrThrow();
      if (numUpdatedRows === 1n) mine.push({ ...row, tries: row.tries + 1 });
    }
    return mine;
  });
}

/** Why it was not taken; undefined: it was. */
async function send(
  delivery: DeliveryRow,
  target: AlertTarget,
  nowMs: number,
  post: Post,
): Promise<string | undefined> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'user-agent': 'sparkify',
    'sparkify-delivery': delivery.key,
  };
  if (target.secret !== undefined) {
    const seconds = Math.floor(nowMs / 1000);
    const signature = createHmac('sha256', target.secret).update(`${seconds}.${delivery.body_json}`).digest('hex');
    headers['sparkify-signature'] = `t=${seconds},v1=${signature}`;
  }
  try {
    const { status } = await post(target.webhook, { headers, body: delivery.body_json });
    if (status >= 200 && status < 300) return undefined;
    return status >= 300 && status < 400 ? `it redirects (${status}), which is not followed` : `it answers ${status}`;
  } catch (error) {
    return errorText(error instanceof Error && error.cause instanceof Error ? error.cause : error);
  }
}

async function settle(
  store: Store,
  delivery: DeliveryRow,
  failure: string | undefined,
  forGood: boolean,
): Promise<void> {
  await store.write(async (tx) => {
    const given = failure !== undefined && (forGood || delivery.tries >= DELIVERY_TRIES);
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (delivery.tries - 1), LONGEST_PAUSE_MS);
    const { numUpdatedRows } = await tx.db
      .updateTable('deliveries')
      .set({
        state: failure === undefined ? 'sent' : given ? 'failed' : 'pending',
        next_at_ms: tx.nowMs + (failure === undefined ? 0 : pause),
        sent_at_ms: failure === undefined ? tx.nowMs : null,
        error: failure ?? null,
      })
      .where('key', '=', delivery.key)
      .where('state', '=', 'pending')
      .where('tries', '=', delivery.tries)
      .executeTakeFirstOrThrow();
    if (!given || numUpdatedRows === 0n) return;
    const body = JSON.parse(delivery.body_json) as { pipeline: string; run: { id: number } };
    tx.emit({
      type: 'alert.failed',
      pipeline: body.pipeline,
      runId: body.run.id,
      target: delivery.target,
      reason: failure,
    });
  });
}

const postOverHttp: Post = async (url, { headers, body }) => {
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body,
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  // Nobody reads what it answers; unread it would keep the connection.
  await response.body?.cancel();
  return { status: response.status };
};
