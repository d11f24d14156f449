import type { Timers } from '../../core/timers.ts';
import { type EventFilters, eventsAfter, followEvents, latestEvents } from '../../orchestrator/events/read-events.ts';
import type { StoreReader } from '../../orchestrator/store/store.ts';
import type { Answer, Call, StreamMessage } from '../api.ts';

const USUAL = 200;

/** What happened after a number; `next` is where to go on, also when the filters left everything out. */
export async function listEvents({ store, query }: Call<'listEvents'>): Promise<Answer<'listEvents'>> {
  const limit = query.limit ?? USUAL;
  const after = query.after ?? 0;
  if (query.latest === true) {
    const last = await latestEvents(store, { limit, filters: filtersOf(query) });
    return { items: last, next: last.at(-1)?.seq ?? after, more: false };
  }
  const found = await eventsAfter(store, after, { limit: limit + 1, filters: filtersOf(query) });
  const items = found.slice(0, limit);
  return { items, next: items.at(-1)?.seq ?? after, more: found.length > limit };
}

/**
 * What happens, from Last-Event-ID on, else from `after` on, else from now on. Events that were removed before the reader
 * came back are told as a gap: whoever shows anything reads it anew.
 */
export async function* followEventStream(
  timers: Timers,
  call: Call<'followEvents'>,
): AsyncGenerator<StreamMessage<'followEvents'>> {
  const { store, query, signal } = call;
  const { first, last } = await bounds(store.db);
  const from = lastSeen(call.lastEventId) ?? query.after;
  // A number from another store, or from before it was restored, is ahead of this one.
  const afterSeq = from === undefined || from > last ? last : from;
  if (from !== undefined && (from > last || from + 1 < first))
    yield { event: 'gap', data: { after: from, next: from > last ? last + 1 : first } };
  // The number to come back with, before anything has happened.
  yield { id: String(afterSeq) };
  for await (const event of followEvents(store, { afterSeq, signal, timers, filters: filtersOf(query) }))
    yield { id: String(event.seq), data: event };
}

function filtersOf(query: Call<'listEvents'>['query'] | Call<'followEvents'>['query']): EventFilters {
  const { pipeline, run, type } = query;
  return {
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(run === undefined ? {} : { runId: run }),
    ...(type === undefined ? {} : { types: type.split(',').slice(0, 50) }),
  };
}

function lastSeen(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,15}$/u.test(header) ? Number(header) : undefined;
}

async function bounds(db: StoreReader): Promise<{ readonly first: number; readonly last: number }> {
  const row = await db
    .selectFrom('events')
    .select((eb) => [eb.fn.min('seq').as('first'), eb.fn.max('seq').as('last')])
    .executeTakeFirst();
  return { first: Number(row?.first ?? 0), last: Number(row?.last ?? 0) };
}
