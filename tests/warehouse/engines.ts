import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWarehouse } from '../../src/warehouse/open.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import { createTestDatabase } from '../postgres-server/database.ts';

export interface TestWarehouse {
  readonly warehouse: Warehouse;
  readonly url: string;
  readonly directory: string;
  dispose(): Promise<void>;
}

/** An empty warehouse of each engine, with a folder of its own. */
export const engines: readonly { readonly name: string; open(): Promise<TestWarehouse> }[] = [
  {
    name: 'duckdb',
    open: async () => {
      const directory = await mkdtemp(join(tmpdir(), 'sparkify-warehouse-'));
      const url = `duckdb:${join(directory, 'warehouse.db')}`;
      const warehouse = await openWarehouse(url, { cwd: directory });
      const dispose = async (): Promise<void> => {
        await warehouse.close();
        await rm(directory, { recursive: true, force: true });
      };
      return { warehouse, url, directory, dispose };
    },
  },
  {
    name: 'postgres',
    open: async () => {
      const directory = await mkdtemp(join(tmpdir(), 'sparkify-warehouse-'));
      const database = await createTestDatabase();
      const warehouse = await openWarehouse(database.url, {
        cwd: directory,
        segmentsDirectory: join(directory, 'segments'),
      });
      const dispose = async (): Promise<void> => {
        await warehouse.close();
        await database.drop();
        await rm(directory, { recursive: true, force: true });
      };
      return { warehouse, url: database.url, directory, dispose };
    },
  },
];
