import { expect, test } from 'vitest';
import { eachStore, startMs } from '../stores.ts';

eachStore((_, open) => {
  test('what a transaction wrote is there when it is told, by the clock of the store', async () => {
    const { store, clock, another } = await open();
    clock.advance(1234);
    await store.write(async (tx) => {
      await tx.db.insertInto('pools').values({ name: 'db', slots: 3, from_config: 0 }).execute();
      tx.emit({ type: 'clock.jumped', byMs: tx.nowMs - startMs });
    });
    for (const db of [store.db, (await another()).db]) {
      expect(await db.selectFrom('pools').selectAll().execute()).toEqual([{ name: 'db', slots: 3, from_config: 0 }]);
      expect(await db.selectFrom('events').select(['at_ms', 'type', 'body_json']).execute()).toEqual([
        { at_ms: startMs + 1234, type: 'clock.jumped', body_json: '{"type":"clock.jumped","byMs":1234}' },
      ]);
    }
  });

  test('a transaction that throws leaves nothing, neither rows nor events', async () => {
    const { store } = await open();
    const failing = store.write(async (tx) => {
      await tx.db.insertInto('pools').values({ name: 'db', slots: 3, from_config: 0 }).execute();
      tx.emit({ type: 'clock.jumped', byMs: 1 });
      throw new RangeError('no');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(await store.db.selectFrom('pools').selectAll().execute()).toEqual([]);
    expect(await store.db.selectFrom('events').selectAll().execute()).toEqual([]);
  });
});
