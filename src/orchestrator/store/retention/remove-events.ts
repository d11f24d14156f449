import { type ExpressionBuilder, sql } from 'kysely';
import type { Store } from '../store.ts';
import type { StoreTables } from '../tables.ts';
import { BATCH, type Bounds } from './bounds.ts';

/** One batch of old events; how many. */
export async function removeEvents(store: Store, { eventsBeforeMs }: Bounds): Promise<number> {
  // From the oldest on: numbers follow time but for a clock that jumped, whose events go a little later.
  const oldest = await store.db
    .selectFrom('events')
    .select(['seq', 'at_ms'])
    .where(isRead)
    .orderBy('seq')
    .limit(BATCH)
    .execute();
  const young = oldest.findIndex((event) => event.at_ms >= eventsBeforeMs);
  const last = (young < 0 ? oldest.at(-1) : oldest[young - 1])?.seq;
  if (last === undefined) return 0;
  return store.write(async ({ db }) => {
    const { numDeletedRows } = await db.deleteFrom('events').where('seq', '<=', last).where(isRead).executeTakeFirst();
    return Number(numDeletedRows);
  });
}

/** Behind no reader that is remembered, and not what one of them stands at. */
export function isRead({ eb, selectFrom }: ExpressionBuilder<StoreTables, 'events'>) {
  return eb.not(
    eb.exists(
      selectFrom('cursors as c')
        .select('c.name')
        .where((e) =>
          e.or([
            e('c.seq', '=', sql.ref<number>('events.seq')),
            e.and([e('c.name', 'not like', 'alarm:%'), e('c.seq', '<', sql.ref<number>('events.seq'))]),
          ]),
        ),
    ),
  );
}
