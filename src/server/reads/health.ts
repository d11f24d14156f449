import type { Answer, Call } from '../api.ts';
import type { ServerParts } from '../parts.ts';
import { schedulerHeartbeat } from './workers.ts';

/** Who is being asked, from whom it is known whether it is still the one that was started. */
export interface HealthFacts {
  readonly instance: string;
  readonly login: boolean;
}

/**
 * Whether the API, its store and the scheduler live. Whoever is not known here learns no more than that; it is answered
 * with 200 also when the store is gone, which is what it is there to tell.
 */
export async function getHealth(
  { process }: ServerParts,
  { instance, login }: HealthFacts,
  { store, by, nowMs }: Call<'getHealth'>,
): Promise<Answer<'getHealth'>> {
  const scheduler = await schedulerHeartbeat(store.db, nowMs).catch(() => undefined);
  const known = by.scopes.length > 0;
  return {
    name: 'sparkify',
    instance,
    login,
    nowMs,
    startedAtMs: process.startedAtMs,
    version: known ? process.version : null,
    project: known ? process.project : null,
    pid: known ? process.pid : null,
    store: {
      url: known ? store.url : null,
      shared: store.capabilities.shared,
      reachable: scheduler !== undefined,
    },
    scheduler: {
      alive: scheduler?.alive ?? false,
      heartbeatAtMs: scheduler?.heartbeatAtMs ?? null,
      worker: known ? (scheduler?.worker ?? null) : null,
    },
  };
}
