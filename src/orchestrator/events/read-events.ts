import type { ExpressionBuilder } from 'kysely';
import { systemTimers, type Timers } from '../../core/timers.ts';
import type { Store, StoreReader } from '../store/store.ts';
import type { StoreTables } from '../store/tables.ts';
import type { StoredEvent } from './stored-event.ts';

/** Which events are meant; without a field, all. */
export interface EventFilters {
  readonly pipeline?: string;
  readonly runId?: number;
  readonly taskId?: number;
  /** Types such as `task.failed`, or their first word, such as `run`. */
  readonly types?: readonly string[];
}

export interface EventPage {
  /** @default 500 */
  readonly limit?: number;
  readonly filters?: EventFilters;
}

export interface FollowEvents {
  /** Events after this one: 0 for all that are kept. */
  readonly afterSeq: number;
  /** Ends it without an error. */
  readonly signal: AbortSignal;
  readonly filters?: EventFilters;
  /** @default the system's */
  readonly timers?: Timers;
}

const PAGE = 500;

/** Looked at all the same when nobody woke the reader up: a notification can be lost. */
const LOOK_MS = 5000;

/** The events after `seq`, in the order of commits; whoever remembers the last `seq` misses none. */
export async function eventsAfter(
  store: { readonly db: StoreReader },
  seq: number,
  { limit = PAGE, filters = {} }: EventPage = {},
): Promise<readonly StoredEvent[]> {
  const rows = await eventRows(store.db, filters).where('seq', '>', seq).orderBy('seq').limit(limit).execute();
  return rows.map(eventOf);
}

/** The last events, the oldest of them first. */
export async function latestEvents(
  store: { readonly db: StoreReader },
  { limit = PAGE, filters = {} }: EventPage = {},
): Promise<readonly StoredEvent[]> {
  const rows = await eventRows(store.db, filters).orderBy('seq', 'desc').limit(limit).execute();
  return rows.reverse().map(eventOf);
}

function eventRows(db: StoreReader, filters: EventFilters) {
  let query = db.selectFrom('events').select(['seq', 'at_ms', 'body_json']);
  if (filters.pipeline !== undefined) query = query.where('pipeline', '=', filters.pipeline);
  if (filters.runId !== undefined) query = query.where('run_id', '=', filters.runId);
  if (filters.taskId !== undefined) query = query.where('task_id', '=', filters.taskId);
  if (filters.types !== undefined) query = query.where(ofTypes(filters.types));
  return query;
}

function eventOf(row: { readonly seq: number; readonly at_ms: number; readonly body_json: string }): StoredEvent {
  return { ...(JSON.parse(row.body_json) as object), seq: row.seq, at: row.at_ms } as StoredEvent;
}

function ofTypes(types: readonly string[]) {
  return (eb: ExpressionBuilder<StoreTables, 'events'>) =>
    eb.or([
      eb('type', 'in', [...types, '']),
      ...types
        .filter((type) => !type.includes('.'))
        .map((word) => eb('type', 'like', `${word.replace(/[%_\\]/g, '')}.%`)),
    ]);
}

/** The seq of the last event; 0 when there is none. */
export async function lastEventSeq(store: { readonly db: StoreReader }): Promise<number> {
  const row = await store.db
    .selectFrom('events')
    .select((eb) => eb.fn.max('seq').as('seq'))
    .executeTakeFirst();
  return Number(row?.seq ?? 0);
}

/** The events after `afterSeq` as they are committed, each once and in order, until the signal is aborted. */
export async function* followEvents(store: Store, options: FollowEvents): AsyncGenerator<StoredEvent, void, undefined> {
  const { signal, filters, timers = systemTimers } = options;
  const bell = new Bell();
  const stop = store.onChange(() => bell.ring());
  const abort = (): void => bell.ring();
  signal.addEventListener('abort', abort);
  try {
    for (let seq = options.afterSeq; !signal.aborted; ) {
      bell.silence();
      // What the filters leave out need not be looked through again the next time.
      const last = filters === undefined ? seq : await lastEventSeq(store);
      const events = await eventsAfter(store, seq, { limit: PAGE, ...(filters === undefined ? {} : { filters }) });
      for (const event of events) {
        if (signal.aborted) return;
        yield event;
        seq = event.seq;
      }
      if (events.length === PAGE) continue;
      seq = Math.max(seq, last);
      const cancel = timers.later(LOOK_MS, () => bell.ring());
      await bell.heard();
      cancel();
    }
  } finally {
    signal.removeEventListener('abort', abort);
    stop();
  }
}

/** Rung before somebody listens, it is still heard. */
class Bell {
  #rung = false;
  #listener: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#listener?.();
  }

  silence(): void {
    this.#rung = false;
  }

  async heard(): Promise<void> {
    if (!this.#rung) await new Promise<void>((resolve) => (this.#listener = resolve));
    this.#listener = undefined;
  }
}
