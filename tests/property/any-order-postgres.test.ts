import { join } from 'node:path';
import { test } from 'vitest';
import { openWarehouse } from '../../src/warehouse/open.ts';
import { createTestDatabase, type TestDatabase } from '../postgres-server/database.ts';
import { anyOrder } from './any-order.ts';
import { productWorld } from './product-world.ts';
import type { WorldFactory } from './world.ts';

test('any order of loads ends in the same star as one rebuild (PostgreSQL)', { timeout: 3_600_000 }, async () => {
  const factory: WorldFactory = async (dir, options) => {
    const database: TestDatabase = await createTestDatabase();
    const open = () => openWarehouse(database.url, { cwd: dir, segmentsDirectory: join(dir, 'segments'), threads: 1 });
    const world = await productWorld('postgres', open)(dir, options);
    return {
      ...world,
      dispose: async () => {
        await world.dispose();
        await database.drop();
      },
    };
  };
  await anyOrder(factory, 20181130, 60);
});
