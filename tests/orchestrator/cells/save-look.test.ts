import { describe, expect, test } from 'vitest';
import type { DifferingObject, SourceLook } from '../../../src/operators/source-look.ts';
import { keptCoverage, saveCoverage } from '../../../src/orchestrator/cells/coverage.ts';
import { readLots } from '../../../src/orchestrator/cells/pending-lots.ts';
import { saveFailedLook, saveLook } from '../../../src/orchestrator/cells/save-look.ts';
import type { Store } from '../../../src/orchestrator/store/store.ts';
import type { Interval } from '../../../src/pipeline/interval.ts';
import { eachStore } from '../stores.ts';
import { covered, days, nowMs } from './facts.ts';
import { pendingNow } from './pending.ts';

const uriOf = (day: number): string => `file:///data/log/${day}.json`;

function object(day: number, more: Partial<DifferingObject> = {}): DifferingObject {
  return {
    uri: uriOf(day),
    change: 'new',
    period: days(day),
    version: undefined,
    sizeBytes: 10,
    mtimeMs: 1,
    ...more,
  };
}

function look(
  differing: readonly DifferingObject[],
  more: Partial<SourceLook> & { readonly days?: Interval } = {},
): SourceLook {
  const { days: within, ...rest } = more;
  const dayOf = (uri: string): number => Number(uri.slice('file:///data/log/'.length, -'.json'.length));
  return {
    pipeline: 'p',
    staging: 's',
    root: 'file:///data/log/',
    listedAtMs: nowMs,
    within,
    listed: differing.map((d) => ({
      uri: d.uri,
      key: d.uri.slice('file:///data/log/'.length),
      sizeBytes: d.sizeBytes,
    })),
    covers: (uri) =>
      within === undefined || (days(dayOf(uri)).startMs < within.endMs && days(dayOf(uri)).endMs > within.startMs),
    differing,
    compared: true,
    ...rest,
  };
}

async function pending(store: Store): Promise<readonly string[]> {
  return (await pendingNow(store)).map((o) => `${o.name} ${o.change} ${o.listedAtMs - nowMs}`);
}

eachStore((_engine, open) => {
  describe('a look at a whole source', () => {
    test('takes the place of what was known; a version that was known keeps its time', async () => {
      const { store } = await open();
      await saveLook(store, look([object(1), object(2), object(3)]));
      await saveLook(
        store,
        look([object(2), object(3, { sizeBytes: 11 }), object(4, { change: 'changed' })], { listedAtMs: nowMs + 5 }),
      );
      expect(await pending(store)).toEqual(['log/2.json new 0', 'log/3.json new 5', 'log/4.json changed 5']);
      expect(await store.db.selectFrom('listings').selectAll().execute()).toEqual([
        {
          pipeline: 'p',
          staging: 's',
          whole_at_ms: nowMs + 5,
          listed_at_ms: nowMs + 5,
          start_ms: null,
          end_ms: null,
          objects: 3,
          error_json: null,
        },
      ]);
    });

    test('of very many objects is kept in lots; one of them that changes moves, the lots without it stay', async () => {
      const { store } = await open();
      const many = Array.from({ length: 5_001 }, (_, n) => object(n, { period: undefined }));
      await saveLook(store, look(many));
      const lots = async (): Promise<readonly (readonly number[])[]> =>
        (await readLots(store.db, 'p')).map(({ lot, objects }) => [lot!, objects.length]);
      const before = await lots();
      expect(before.map(([, size]) => size)).toEqual([2_000, 2_000, 1_001]);
      await saveLook(store, look(many, { listedAtMs: nowMs + 5 }));
      expect(await lots()).toEqual(before);
      const other = many.with(2_500, object(2_500, { period: undefined, sizeBytes: 11 }));
      await saveLook(store, look(other, { listedAtMs: nowMs + 9 }));
      const after = await lots();
      expect(after.slice(0, 2)).toEqual([before[0], before[2]]);
      expect(after.slice(2).map(([, size]) => size)).toEqual([1_999, 1]);
      expect((await pending(store)).filter((o) => !o.endsWith(' 0'))).toEqual(['log/2500.json new 9']);
      await saveLook(store, look([]));
      expect(await lots()).toEqual([]);
    });

    test('of another root forgets the objects of the one before', async () => {
      const { store } = await open();
      await saveLook(store, look([object(1), object(2)]));
      const other = { root: 'file:///data/other/', covers: () => false };
      await saveLook(store, look([], { ...other, days: days(2) }));
      expect(await pending(store)).toEqual(['log/1.json new 0']);
      await saveLook(store, look([], other));
      expect(await pending(store)).toEqual([]);
    });

    test('of another staging or pipeline touches nothing', async () => {
      const { store } = await open();
      await saveLook(store, look([object(1)]));
      await saveLook(store, look([], { staging: 'other' }));
      await saveLook(store, look([], { pipeline: 'other' }));
      expect(await pending(store)).toHaveLength(1);
    });
  });

  describe('a look at some days', () => {
    test('says nothing of the others', async () => {
      const { store } = await open();
      await saveLook(store, look([object(1), object(2), object(5), object(9, { period: undefined })]));
      // The old version of 4 reached back to 2; its own day was not looked at.
      await saveLook(store, look([object(4, { change: 'changed', period: days(2, 5) })], { days: days(4) }));
      await saveLook(store, look([object(3)], { days: days(2, 4), listedAtMs: nowMs + 5 }));
      expect(await pending(store)).toEqual([
        'log/1.json new 0',
        'log/3.json new 5',
        'log/4.json changed 0',
        'log/5.json new 0',
        'log/9.json new 0',
      ]);
      const [listing] = await store.db.selectFrom('listings').selectAll().execute();
      expect(listing).toMatchObject({
        whole_at_ms: nowMs,
        listed_at_ms: nowMs + 5,
        start_ms: days(2).startMs,
        end_ms: days(3).endMs,
      });
    });
  });

  describe('a look without a ledger', () => {
    test('notes objects only where nothing is published', async () => {
      const { store } = await open();
      const loose = look([object(1), object(2), object(3, { period: undefined })], {
        compared: false,
        days: days(1, 3),
      });
      await saveLook(store, loose);
      expect(await pending(store)).toEqual([]);
      await store.write((tx) =>
        tx.run(
          `insert into pipelines (name, version, semantic_version, state, paused, updated_at_ms) values ('p', 'v', 's', 'active', 0, 0)`,
        ),
      );
      await store.write((tx) => saveCoverage(tx, 'p', covered(days(0, 2))));
      await saveLook(store, loose);
      expect(await pending(store)).toEqual(['log/2.json new 0']);
      expect(await store.db.selectFrom('listings').selectAll().execute()).toEqual([]);
      // What a ledger said stands above it.
      await saveLook(store, look([object(2, { change: 'changed' })]));
      await saveLook(store, { ...loose, listedAtMs: nowMs + 5 });
      expect(await pending(store)).toEqual(['log/2.json changed 0']);
    });
  });

  test('a look that failed leaves what was known, and is forgotten with the next', async () => {
    const { store } = await open();
    const error = { code: 'SOURCE_UNREACHABLE', message: 'no answer', remedy: 'Look at the network.' };
    const listing = () => store.db.selectFrom('listings').selectAll().executeTakeFirst();
    await saveFailedLook(store, { pipeline: 'p', staging: 's', listedAtMs: nowMs }, error);
    expect(await listing()).toMatchObject({ whole_at_ms: null, error_json: JSON.stringify(error) });
    await saveLook(store, look([object(1)]));
    expect(await listing()).toMatchObject({ whole_at_ms: nowMs, error_json: null });
    await saveFailedLook(store, { pipeline: 'p', staging: 's', listedAtMs: nowMs + 5 }, error);
    expect(await listing()).toMatchObject({
      whole_at_ms: nowMs,
      listed_at_ms: nowMs,
      error_json: JSON.stringify(error),
    });
    expect(await pending(store)).toHaveLength(1);
  });

  test('coverage is that of the latest reading, in whichever order it comes', async () => {
    const { store } = await open();
    const kept = async () => keptCoverage(await store.db.selectFrom('pipelines').selectAll().executeTakeFirstOrThrow());
    await store.write(async (tx) => {
      await tx.run(
        `insert into pipelines (name, version, semantic_version, state, paused, updated_at_ms) values ('p', 'v', 's', 'active', 0, 0)`,
      );
      await saveCoverage(tx, 'unknown', covered());
    });
    expect(await kept()).toBeUndefined();
    const later = { ...covered(days(0, 2), days(4)), definition: undefined, epoch: 7, atMs: 20 };
    await store.write((tx) => saveCoverage(tx, 'p', later));
    await store.write((tx) => saveCoverage(tx, 'p', { ...covered(days(0)), epoch: 6, atMs: 10 }));
    expect(await kept()).toEqual(later);
    // A warehouse that came back from a backup has fewer publishes.
    const restored = { ...covered(), epoch: 3, atMs: 30 };
    await store.write((tx) => saveCoverage(tx, 'p', restored));
    expect(await kept()).toEqual(restored);
  });
});
