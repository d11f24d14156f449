import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { collectOrphanSegments } from '../../src/operators/collect.ts';
import { compactSegments } from '../../src/operators/compact.ts';
import type { RunState } from '../../src/operators/run-state.ts';
import { withRun } from '../../src/operators/with-run.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import { createTestDatabase, type TestDatabase } from '../postgres-server/database.ts';
import { VisitsWorld, visit } from './visits.ts';

const limits = { smallRows: 1000, manySegments: 2 };

describe.each(['duckdb', 'postgres'] as const)('compaction on %s', (engine) => {
  let database: TestDatabase | undefined;
  let world: VisitsWorld;

  beforeEach(async () => {
    database = engine === 'postgres' ? await createTestDatabase() : undefined;
    world = await new VisitsWorld(database?.url).open();
    for (const n of [1, 2, 3]) {
      world.write(`${n}.json`, [visit(n), visit(n + 10)]);
      await world.run();
    }
  });

  afterEach(async () => {
    await world.close();
    await database?.drop();
  });

  const segments = () =>
    world.warehouse.read((s) =>
      s.all<{ path: string; state: string }>('select path, state from sparkify_ledger.segments order by segment_id'),
    );

  /** The same state, over a warehouse where `before` happens ahead of the next transaction. */
  function overtaken(state: RunState, before: () => Promise<unknown>): RunState {
    let due = true;
    const warehouse = new Proxy(state.options.warehouse, {
      get: (real, key) => {
        if (key === 'transaction')
          return async (work: Parameters<Warehouse['transaction']>[0]) => {
            if (due) {
              due = false;
              await before();
            }
            return real.transaction(work);
          };
        const value: unknown = Reflect.get(real, key);
        return typeof value === 'function' ? value.bind(real) : value;
      },
    });
    return { ...state, options: { ...state.options, warehouse } };
  }

  test('one that was overtaken changes nothing and leaves no file', async () => {
    await withRun(world.options(), async (state) => {
      const made = await compactSegments(
        overtaken(state, () => compactSegments(state, limits)),
        limits,
      );
      expect(made).toBe(0);
    });
    const live = (await segments()).filter((s) => s.state === 'live');
    expect(live).toHaveLength(1);
    const files = (await segments()).map((s) => existsSync(join(world.warehouse.segments.directory, s.path)));
    expect(files).toEqual(Array(4).fill(true));
    await world.run({ rebuild: true });
    expect(await world.visits()).toEqual([1, 2, 3, 11, 12, 13]);
  });

  test('one whose successor has cleared the new segment changes nothing', async () => {
    await withRun(world.options(), async (state) => {
      const made = await compactSegments(
        overtaken(state, () => collectOrphanSegments(state)),
        limits,
      );
      expect(made).toBe(0);
    });
    expect((await segments()).map((s) => s.state)).toEqual(['live', 'live', 'live']);
    await world.run({ rebuild: true });
    expect(await world.visits()).toEqual([1, 2, 3, 11, 12, 13]);
  });

  test('one that was not puts the objects together', async () => {
    await withRun(world.options(), async (state) => {
      expect(await compactSegments(state, limits)).toBe(1);
      expect(await compactSegments(state, limits)).toBe(0);
    });
    expect((await segments()).map((s) => s.state)).toEqual(['retired', 'retired', 'retired', 'live']);
    await world.run({ rebuild: true });
    expect(await world.visits()).toEqual([1, 2, 3, 11, 12, 13]);
  });
});
