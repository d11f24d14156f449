import { join } from 'node:path';
import { test } from 'vitest';
import { openWarehouse } from '../../src/warehouse/open.ts';
import { anyOrder } from './any-order.ts';
import { productWorld } from './product-world.ts';

test('any order of loads ends in the same star as one rebuild (DuckDB)', { timeout: 3_600_000 }, async () => {
  const open = (dir: string) => openWarehouse(`duckdb:${join(dir, 'warehouse.duckdb')}`, { cwd: dir, threads: 1 });
  await anyOrder(productWorld('duckdb', open), 20181101, 140);
});
