import { createHash } from 'node:crypto';

/** What a webhook may be called for; `recovered` is the next success of a pipeline after a failed or late run. */
export const alertKinds = ['failed', 'late', 'recovered'] as const;
export type AlertKind = (typeof alertKinds)[number];

/** A webhook as it is configured. */
export interface AlertTarget {
  /** http or https. May itself be a secret: shown nowhere. */
  readonly webhook: string;
  /** Signs each call (HMAC-SHA256). */
  readonly secret?: string;
  /** @default all */
  readonly on?: readonly AlertKind[];
}

/** What stands for a webhook in the store and in events: its host and a short hash. */
export function targetName(webhook: string): string {
  return `${new URL(webhook).host}#${createHash('sha256').update(webhook).digest('hex').slice(0, 8)}`;
}
