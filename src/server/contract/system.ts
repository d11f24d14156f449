import { z } from 'zod';
import { storedEventSchema } from '../../orchestrator/events/stored-event.ts';
import { scopes } from '../operations.ts';
import { allOf, failure, instantMs, orNull, whenMs } from './common.ts';

export const health = z
  .strictObject({
    name: z.literal('sparkify'),
    version: z.string().nullable(),
    instance: z.string().meta({ description: 'Tells this process from others that may have the same port later.' }),
    project: z.string().nullable().meta({ description: 'Name of its folder.' }),
    pid: z.int().nullable(),
    startedAtMs: instantMs,
    nowMs: instantMs,
    store: z.strictObject({ url: z.string().nullable(), shared: z.boolean(), reachable: z.boolean() }),
    scheduler: z.strictObject({
      alive: z.boolean(),
      heartbeatAtMs: whenMs,
      worker: z.string().nullable().meta({ description: 'The `up` that was heard of last.' }),
    }),
    login: z.boolean().meta({ description: 'Whether this server asks for tokens.' }),
  })
  .meta({ id: 'Health' });

const inPool = z.strictObject({
  run: z.int(),
  pipeline: z.string(),
  task: z.string(),
  mapIndex: z.int(),
  slots: z.int(),
});

export const pool = z
  .strictObject({
    name: z.string(),
    slots: z.int(),
    used: z.int(),
    waiting: z.int().meta({ description: 'Slots that ready tasks would take.' }),
    fromConfig: z
      .boolean()
      .meta({ description: 'Set in sparkify.config.ts, which has the last word at the next start.' }),
    running: z.array(inPool).meta({ description: 'At most 100.' }),
  })
  .meta({ id: 'Pool' });
export const pools = allOf(pool, 'PoolList');

export const worker = z
  .strictObject({
    id: z.string(),
    kind: z.enum(['up', 'worker', 'command']),
    host: z.string(),
    pid: z.int(),
    queues: z.array(z.string()),
    slots: z.int(),
    running: z.int(),
    startedAtMs: instantMs,
    heartbeatAtMs: instantMs,
    alive: z.boolean(),
  })
  .meta({ id: 'Worker' });
export const workers = allOf(worker, 'WorkerList');

export const token = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    scopes: z.array(z.enum(scopes)),
    createdAtMs: instantMs,
    lastUsedAtMs: whenMs,
    revokedAtMs: whenMs,
  })
  .meta({ id: 'Token' });
export const tokens = allOf(token, 'TokenList');
export const newToken = z
  .strictObject({
    ...token.shape,
    text: z.string().nullable().meta({ description: 'The token itself. Kept nowhere.' }),
  })
  .meta({ id: 'NewToken' });

export const event = storedEventSchema.meta({ id: 'Event' });

export const events = z
  .strictObject({
    items: z.array(event),
    next: z.int().meta({ description: 'Ask for what comes after this.' }),
    more: z.boolean(),
  })
  .meta({ id: 'EventPage' });

const thing = z
  .strictObject({
    pipeline: z.string(),
    run: z.int().nullable(),
    task: z.string().nullable(),
    sinceMs: whenMs,
    why: z.string(),
    remedy: z.string().nullable(),
  })
  .meta({ id: 'Concern' });

export const status = z
  .strictObject({
    level: z.enum(['ok', 'attention', 'failing']),
    sentence: z.string(),
    atMs: instantMs,
    failing: z.array(thing),
    late: z.array(thing),
    stale: z.array(thing),
    running: z.array(thing),
    waiting: z.array(thing),
    next: z.array(z.strictObject({ pipeline: z.string(), dueAtMs: instantMs, startMs: instantMs, endMs: instantMs })),
    error: orNull(failure),
  })
  .meta({ id: 'Status' });
