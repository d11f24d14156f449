import { join } from 'node:path';
import sparkify from '../../pipelines/sparkify/index.ts';
import { systemClock } from '../../src/core/clock.ts';
import { noFailpoints } from '../../src/core/failpoints.ts';
import { silentProgress } from '../../src/core/progress.ts';
import { compactNow } from '../../src/operators/compact.ts';
import { starSchema } from '../../src/operators/create-tables.ts';
import { runPipeline } from '../../src/operators/run.ts';
import type { RunOptions } from '../../src/operators/run-state.ts';
import { resolvePipeline } from '../../src/pipeline/define.ts';
import type { StarTable } from '../../src/pipeline/tables.ts';
import { openSource } from '../../src/sources/index.ts';
import { tableChecksum } from '../../src/warehouse/checksum.ts';
import type { SqlValue } from '../../src/warehouse/session.ts';
import type { Warehouse } from '../../src/warehouse/warehouse.ts';
import type { Row } from './canonical.ts';
import type { World, WorldFactory } from './world.ts';

/** The product as a world: the sparkify pipeline over the directory, in a warehouse that `open` opens (again). */
export function productWorld(
  engine: string,
  open: (dir: string) => Promise<Warehouse>,
  change: (options: RunOptions) => RunOptions = (o) => o,
): WorldFactory {
  return async (dir, { match }) => {
    const pipeline = resolvePipeline(sparkify, {
      logData: join(dir, 'log_data'),
      songData: join(dir, 'song_data'),
      match,
    });
    let warehouse = await open(dir);
    const base = (): RunOptions =>
      change({
        pipeline,
        warehouse,
        openSource: (root) => openSource(root, { cwd: dir }),
        clock: systemClock,
        failpoints: noFailpoints,
        progress: silentProgress,
        signal: new AbortController().signal,
        workers: 0,
      });
    const table = (name: string): StarTable => pipeline.tables.find((t) => t.name === name)!;
    const world: World = {
      engine,
      publish: async ({ interval, prune }) => {
        await runPipeline({
          ...base(),
          ...(interval === undefined ? {} : { interval }),
          ...(prune === true ? { prune: true, pruneAll: true } : {}),
        });
      },
      rebuild: async () => {
        await runPipeline({ ...base(), rebuild: true });
      },
      compact: () => compactNow(base(), { smallRows: 1_000_000, manySegments: 2 }),
      reopen: async () => {
        await warehouse.close();
        warehouse = await open(dir);
      },
      rows: async (name) => {
        const columns = table(name).columns.map((c) => `"${c.name}"`);
        return warehouse.read(async (session) => {
          const rows: Row[] = [];
          for await (const batch of session.stream(
            `select ${columns.join(', ')} from "${starSchema(warehouse, pipeline)}"."${name}"`,
          )) {
            rows.push(...batch.rows.map((r) => r.map(plain)));
          }
          return rows;
        });
      },
      checksum: async (name) => {
        const { checksum } = await warehouse.read((session) =>
          tableChecksum(session, warehouse.dialect, {
            schema: starSchema(warehouse, pipeline),
            table: name,
            columns: table(name).columns,
          }),
        );
        return BigInt(`0x${checksum}`);
      },
      dispose: () => warehouse.close(),
    };
    return world;
  };
}

function plain(value: SqlValue): Row[number] {
  return (value instanceof Date ? value.getTime() : value) as Row[number];
}
