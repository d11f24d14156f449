import { join } from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import { bucketSegments } from '../../src/segments/bucket.ts';
import { openWarehouse } from '../../src/warehouse/open.ts';
import { createTestDatabase } from '../postgres-server/database.ts';
import { type S3Server, startS3Server, testCredentials } from '../s3-server/index.ts';
import { impatient } from '../sources/s3-store.ts';
import { anyOrder } from './any-order.ts';
import { productWorld } from './product-world.ts';
import type { WorldFactory } from './world.ts';

const MACHINES = 3;

let server: S3Server;
beforeAll(async () => {
  server = await startS3Server({ buckets: { lake: {} } });
});
afterAll(() => server?.stop());

test('machines in turn, with segments in a bucket, end in the same star as one rebuild', {
  timeout: 3_600_000,
}, async () => {
  const s3 = { endpoint: server.endpoint, region: 'us-east-1', ...testCredentials };
  const factory: WorldFactory = async (dir, options) => {
    const database = await createTestDatabase();
    let turn = 0;
    const open = () => {
      const cache = join(dir, `machine-${turn++ % MACHINES}`);
      const segments = bucketSegments({ url: `s3://lake/${database.name}`, cache, s3, timing: impatient });
      return openWarehouse(database.url, { cwd: dir, segments, threads: 1 });
    };
    const world = await productWorld('postgres', open)(dir, options);
    // Each step is another machine's.
    return {
      ...world,
      publish: (request) => world.reopen().then(() => world.publish(request)),
      rebuild: () => world.reopen().then(() => world.rebuild()),
      compact: () => world.reopen().then(() => world.compact()),
      dispose: async () => {
        await world.dispose();
        await database.drop();
      },
    };
  };
  await anyOrder(factory, 20181115, 8);
});
