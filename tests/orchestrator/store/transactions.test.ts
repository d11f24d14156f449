import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import type { Store, StoreTransaction } from '../../../src/orchestrator/store/store.ts';
import { together } from '../../../src/orchestrator/store/together.ts';
import { eachStore, startMs } from '../stores.ts';

const addPool = (tx: StoreTransaction, name: string, slots = 1): Promise<unknown> =>
  tx.db.insertInto('pools').values({ name, slots, from_config: 0 }).execute();

const slotsOf = async (store: Store, name: string): Promise<number | undefined> =>
  (await store.db.selectFrom('pools').select('slots').where('name', '=', name).executeTakeFirst())?.slots;

eachStore((engine, open) => {
  describe('a transaction', () => {
    test('is there when it is told, for every reader, at the time of the clock given', async () => {
      const { store, clock, another } = await open();
      clock.advance(1234);
      await store.write(async (tx) => {
        await addPool(tx, 'db', 3);
        tx.emit({ type: 'clock.jumped', byMs: tx.nowMs - startMs });
      });
      for (const db of [store.db, (await another()).db]) {
        expect(await db.selectFrom('pools').selectAll().execute()).toEqual([{ name: 'db', slots: 3, from_config: 0 }]);
        expect(await db.selectFrom('events').selectAll().execute()).toEqual([
          {
            seq: 1,
            at_ms: startMs + 1234,
            type: 'clock.jumped',
            pipeline: null,
            run_id: null,
            task_id: null,
            body_json: '{"type":"clock.jumped","byMs":1234}',
          },
        ]);
      }
    });

    test('that throws leaves nothing, neither rows nor events', async () => {
      const { store } = await open();
      const failing = store.write(async (tx) => {
        await addPool(tx, 'db');
        tx.emit({ type: 'clock.jumped', byMs: 1 });
        throw new RangeError('no');
      });
      await expect(failing).rejects.toThrow(RangeError);
      expect(await store.db.selectFrom('pools').selectAll().execute()).toEqual([]);
      expect(await store.db.selectFrom('events').selectAll().execute()).toEqual([]);
      await store.write((tx) => addPool(tx, 'after'));
      expect(await slotsOf(store, 'after')).toBe(1);
    });

    test('is not seen by others before its end', async () => {
      const { store } = await open();
      await store.write(async (tx) => {
        await addPool(tx, 'db');
        expect(await slotsOf(store, 'db')).toBeUndefined();
      });
      expect(await slotsOf(store, 'db')).toBe(1);
    });

    test('without a clock has the time of the engine', async () => {
      const { another } = await open();
      const store = await another({ clock: undefined as never });
      const before = Date.now();
      const nowMs = await store.write(async (tx) => tx.nowMs);
      expect(nowMs).toBeGreaterThanOrEqual(before - 1000);
      expect(nowMs).toBeLessThanOrEqual(Date.now() + 1000);
      expect(Number.isInteger(nowMs)).toBe(true);
    });

    test('and a hundred others at once are carried out one after the other', async () => {
      const { store, another } = await open();
      const other = await another();
      await store.write((tx) => addPool(tx, 'db', 1));
      await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          (i % 2 === 0 ? store : other).write(async (tx) => {
            const [row] = await tx.all<{ slots: number }>(
              engine === 'postgres'
                ? 'select slots from pools where name = $1 for update'
                : 'select slots from pools where name = $1',
              ['db'],
            );
            await tx.run('update pools set slots = $1 where name = $2', [row!.slots + 1, 'db']);
          }),
        ),
      );
      expect(await slotsOf(store, 'db')).toBe(101);
    });

    test('carries out what is sent in its order, before what is asked', async () => {
      const { store } = await open();
      const more = 'update pools set slots = slots * 2 + 1 where name = $1';
      await store.write(async (tx) => {
        tx.send('insert into pools values ($1, 1, 0)', ['db']);
        tx.send(more, ['db']);
        expect(await tx.all('select slots from pools where name = $1', ['db'])).toEqual([{ slots: 3 }]);
        tx.send(more, ['db']);
      });
      expect(await slotsOf(store, 'db')).toBe(7);
    });

    test.each([
      ['by nothing', async () => undefined],
      ['by a statement', (tx: StoreTransaction) => tx.run('update pools set slots = 2')],
      ['by one through Kysely', (tx: StoreTransaction) => addPool(tx, 'after')],
      [
        'by one that is sent, and an event',
        async (tx: StoreTransaction) => {
          tx.send('update pools set slots = 2');
          tx.emit({ type: 'clock.jumped', byMs: 1 });
        },
      ],
      [
        'by several at once',
        (tx: StoreTransaction) => together([addPool(tx, 'after'), tx.all('select name from pools')]),
      ],
    ])('fails with the error of a statement that was sent, followed %s', async (_, follow) => {
      const { store } = await open();
      const failing = store.write(async (tx) => {
        tx.send('insert into pools values ($1, 1, 0)', ['db']);
        tx.send('update nothing set a = 1');
        await follow(tx);
      });
      await expect(failing).rejects.toMatchObject({
        code: 'SQL_FAILED',
        remedy: expect.stringContaining('update nothing'),
      });
      expect(await store.db.selectFrom('pools').selectAll().execute()).toEqual([]);
      expect(await store.db.selectFrom('events').selectAll().execute()).toEqual([]);
      await store.write((tx) => addPool(tx, 'later'));
      expect(await slotsOf(store, 'later')).toBe(1);
    });

    test('ends after all that was asked together', async () => {
      const { store } = await open();
      const told: string[] = [];
      const failing = store.write((tx) =>
        together([
          tx.run('update nothing set a = 1'),
          (async () => {
            for (let i = 0; i < 5; i++) await Promise.resolve();
            await tx.all('select name from pools').finally(() => told.push('asked'));
          })(),
        ]),
      );
      await expect(failing).rejects.toMatchObject({ remedy: expect.stringContaining('update nothing') });
      expect(told).toEqual(['asked']);
    });

    test.each(['run', 'send'] as const)(
      'in the way of another one is waited for, and the other begins anew (%s)',
      async (way) => {
        const { store, another } = await open();
        const other = await another();
        await store.write((tx) => Promise.all([addPool(tx, 'a', 1), addPool(tx, 'b', 1)]));
        let begun = 0;
        // Each takes one row and then the other's: a deadlock, where locks are of rows.
        const cross = (
          by: Store,
          first: string,
          second: string,
          met: Promise<void>,
          meet: () => void,
        ): Promise<void> => {
          let attempts = 0;
          return by.write(async (tx) => {
            begun++;
            await tx.run('update pools set slots = slots * 2 where name = $1', [first]);
            if (engine === 'postgres' && ++attempts === 1) {
              meet();
              await met;
            }
            await tx[way]('update pools set slots = slots + 3 where name = $1', [second]);
          });
        };
        const meetings = [resolvers(), resolvers()] as const;
        await Promise.all([
          cross(store, 'a', 'b', meetings[1].promise, meetings[0].resolve),
          cross(other, 'b', 'a', meetings[0].promise, meetings[1].resolve),
        ]);
        expect([await slotsOf(store, 'a'), await slotsOf(store, 'b')].map(Number).sort()).toEqual([5, 8]);
        expect(begun).toBe(engine === 'postgres' ? 3 : 2);
      },
    );
  });

  describe('values', () => {
    test.each([
      ['the largest whole number', Number.MAX_SAFE_INTEGER],
      ['a time', 1_800_000_000_123],
      ['a time before 1970', -1_800_000_000_123],
      ['minus one', -1],
      ['zero', 0],
    ])('%s comes back as it was given', async (_, slots) => {
      const { store } = await open();
      await store.write((tx) =>
        tx.run('insert into listings (pipeline, staging, listed_at_ms, objects) values ($1, $2, $3, $3)', [
          'p',
          's',
          slots,
        ]),
      );
      const [row] = await store.db.selectFrom('listings').select(['listed_at_ms', 'objects']).execute();
      expect(row).toEqual({ listed_at_ms: slots, objects: slots });
      const found = await store.db.selectFrom('listings').select('staging').where('objects', '=', slots).execute();
      expect(found).toEqual([{ staging: 's' }]);
    });

    test('texts of any characters come back, but a NUL, which neither engine can keep', async () => {
      const { store } = await open();
      const text = `'";--\\ %_ $1 ?1 \n\t é 🎧 \u{10ffff}`;
      await store.write((tx) => addPool(tx, text));
      await store.write((tx) => tx.run('insert into pools values ($1, $2, 0)', ['a\0b', 1]));
      const rows = await store.db.selectFrom('pools').select('name').orderBy('name').execute();
      expect(rows.map((r) => r.name).sort()).toEqual([text, 'a\ufffdb'].sort());
    });

    test('are refused when the engines would take them differently', async () => {
      const { store } = await open();
      for (const value of [true, Number.NaN, Number.POSITIVE_INFINITY, new Date(), {}, 1.5])
        for (const write of [
          (tx: StoreTransaction) => tx.run('insert into pools values ($1, $2, 0)', ['a', value as never]),
          (tx: StoreTransaction) => addPool(tx, 'b', value as never),
        ])
          await expect(store.write(write), String(value)).rejects.toMatchObject({ name: 'SparkifyError' });
      await expect(store.write((tx) => addPool(tx, 5 as never))).resolves.toBeDefined();
    });

    test('that are counts, sums and truths are numbers', async () => {
      const { store } = await open();
      await store.write((tx) => Promise.all([addPool(tx, 'a', 2), addPool(tx, 'b', 3)]));
      const { rows } = await sql`select count(*) as n, sum(slots) as total, max(slots) > 2 as large from pools`.execute(
        store.db,
      );
      expect(rows).toEqual([{ n: 2, total: 5, large: 1 }]);
    });

    test('are named in any order and more than once', async () => {
      const { store } = await open();
      await store.write(async (tx) => {
        const rows = await tx.all('select $2 as b, $1 as a, $2 as c', ['x', 'y']);
        expect(rows).toEqual([{ b: 'y', a: 'x', c: 'y' }]);
        expect(await tx.run('insert into pools values ($1, 1, 0), ($2, 1, 0)', ['x', 'y'])).toBe(2);
        expect(await tx.run('update pools set slots = 2 where name = $1', ['z'])).toBe(0);
      });
    });

    test('that are missing are an error, not those of the time before', async () => {
      const { store } = await open();
      await store.write(async (tx) => {
        await tx.all('select name from pools where name = $1', ['x']);
      });
      const without = store.write((tx) => tx.all('select name from pools where name = $1'));
      await expect(without).rejects.toMatchObject({ code: 'SQL_FAILED' });
    });
  });

  describe('errors', () => {
    test('name the statement, and a caught one does not stand in the way of the next transaction', async () => {
      const { store } = await open();
      await expect(store.write((tx) => tx.run('update nothing set a = 1'))).rejects.toMatchObject({
        code: 'SQL_FAILED',
        remedy: expect.stringContaining('update nothing'),
      });
      await expect(
        store.db
          .selectFrom('nothing' as 'pools')
          .selectAll()
          .execute(),
      ).rejects.toMatchObject({
        code: 'SQL_FAILED',
      });
      await store.write((tx) => addPool(tx, 'db'));
      // More than once: a statement that failed is used again.
      for (const _ of [1, 2, 3])
        await expect(store.write((tx) => addPool(tx, 'db'))).rejects.toMatchObject({ code: 'SQL_FAILED' });
      await store.write((tx) => addPool(tx, 'db2'));
      expect(await slotsOf(store, 'db2')).toBe(1);
    });

    test('an event that cannot be kept takes the whole transaction with it', async () => {
      const { store } = await open();
      const failing = store.write(async (tx) => {
        await addPool(tx, 'db');
        tx.emit({ type: 'pipeline.gone', pipeline: 5n as never, by: undefined });
      });
      await expect(failing).rejects.toThrow();
      expect(await slotsOf(store, 'db')).toBeUndefined();
    });

    test('nothing is written through the reader', async () => {
      const { store } = await open();
      const writing = store.db.insertInto('pools').values({ name: 'db', slots: 1, from_config: 0 }).execute();
      await expect(writing).rejects.toMatchObject({ name: 'SparkifyError' });
      expect(await slotsOf(store, 'db')).toBeUndefined();
    });

    test('a store that was closed lets what is under way end, and takes nothing more', async () => {
      const { store, another } = await open();
      const other = await another();
      const writing = store.write(async (tx) => {
        await addPool(tx, 'db');
        await slotsOf(other, 'db');
        await addPool(tx, 'db2');
      });
      await other.db.selectFrom('pools').selectAll().execute();
      const closing = store.close();
      await writing;
      await closing;
      await store.close();
      expect(await slotsOf(other, 'db2')).toBe(1);
      await expect(store.write(async () => {})).rejects.toThrow('was closed');
      await expect(slotsOf(store, 'db')).rejects.toThrow('was closed');
    });

    test('a reading transaction sees one moment', async () => {
      const { store } = await open();
      await store.write((tx) => addPool(tx, 'db', 1));
      await store.db.transaction().execute(async (reading) => {
        const slots = (): Promise<unknown> => reading.selectFrom('pools').select('slots').execute();
        expect(await slots()).toEqual([{ slots: 1 }]);
        await store.write((tx) => tx.run('update pools set slots = 2'));
        expect(await slots()).toEqual([{ slots: 1 }]);
      });
      expect(await slotsOf(store, 'db')).toBe(2);
    });
  });
});

function resolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((r) => {
    resolve = r;
  });
  return { promise, resolve };
}
