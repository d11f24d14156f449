import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { trace } from '../../src/lineage/trace.ts';
import { compactNow } from '../../src/operators/compact.ts';
import { correctRecords } from '../../src/operators/quarantine.ts';
import { runPipeline } from '../../src/operators/run.ts';
import { withRun } from '../../src/operators/with-run.ts';
import { bucketSegments } from '../../src/segments/bucket.ts';
import type { S3Settings } from '../../src/sources/index.ts';
import { openWarehouse } from '../../src/warehouse/open.ts';
import { VisitsWorld, visit } from '../operators/visits.ts';
import { createTestDatabase, type TestDatabase } from '../postgres-server/database.ts';
import type { S3Server } from '../s3-server/index.ts';
import { impatient } from '../sources/s3-store.ts';
import { startBucket } from './bucket-place.ts';

let server: S3Server;
let s3: S3Settings;
let database: TestDatabase;
let world: VisitsWorld;

beforeEach(async () => {
  ({ server, s3 } = await startBucket());
  database = await createTestDatabase();
  world = new VisitsWorld(database.url);
});
afterEach(async () => {
  await world.close();
  await database.drop();
  await server.stop();
});

/** The warehouse as this machine has it open, with its segments in the bucket. */
async function on(machine: string, url = 's3://lake'): Promise<void> {
  await world.warehouse?.close();
  world.segments = bucketSegments({ url, cache: join(world.directory, machine), s3, timing: impatient });
  await world.open();
}

test('what was corrected on one machine is known to the other, also when it reads everything again', async () => {
  await on('a');
  world.write('a.json', [visit(1), '{"visit": 2, "ts"', visit(3)]);
  await world.run();
  await correctRecords(world.options(), [{ id: 1, text: Buffer.from(visit(2)), note: 'by hand' }]);
  await world.run();
  const keys = () =>
    server
      .bucket('lake')
      .versions('')
      .map((v) => v.key);
  expect(keys().filter((key) => key.startsWith('corrections/'))).toHaveLength(1);

  await on('b');
  await withRun(world.options(), async () => {});
  const traced = await world.standing((standing) =>
    trace({ standing, table: 'visits', key: '2', readVersion: async () => undefined }),
  );
  expect(traced.records[0]!.raw).toBe(visit(2));

  // What nobody has any more is one error; read again from the source, the correction is taken up.
  for (const key of keys().filter((key) => key.endsWith('.parquet'))) server.bucket('lake').remove(key);
  await on('c');
  world.write('b.json', [visit(4)]);
  await expect(world.run()).rejects.toMatchObject({ code: 'SEGMENT_LOST', params: { store: 's3://lake' } });
  await world.run({ rebuild: true, fromSources: true });
  expect(await world.visits()).toEqual([1, 2, 3, 4]);
  expect((await world.quarantine()).filter((q) => q.object_state === 'live').map((q) => q.state)).toEqual([
    'corrected',
  ]);
  // Another warehouse, whose ledger names none of these segments, has none of them removed.
  const other = await createTestDatabase();
  const copy = await openWarehouse(other.url, { cwd: world.directory, segments: world.segments! });
  const before = keys();
  await expect(runPipeline({ ...world.options(), warehouse: copy })).rejects.toMatchObject({
    code: 'SEGMENTS_TAKEN',
  });
  expect(keys()).toEqual(before);
  await copy.close();
  await other.drop();
  await on('b');
  world.write('c.json', [visit(5)]);
  await world.run();
  expect(await world.visits()).toEqual([1, 2, 3, 4, 5]);
});

test('a folder that was copied into a bucket goes on there', async () => {
  await world.open();
  world.write('a.json', [visit(1), '{"visit": 2, "ts"']);
  await world.run();
  await correctRecords(world.options(), [{ id: 1, text: Buffer.from(visit(2)), note: 'by hand' }]);
  await world.run();
  world.write('b.json', [visit(3)]);
  await world.run();
  await compactNow(world.options(), { smallRows: 1000, manySegments: 2 });
  const folder = join(world.directory, 'segments');
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    if (file.endsWith('.parquet') || /^corrections.*json$/.test(file))
      server.bucket('lake').put(`moved/${file}`, readFileSync(join(folder, file)));

  await on('cache', 's3://lake/moved');
  world.write('c.json', [visit(4)]);
  await world.run();
  await world.run({ rebuild: true });
  expect(await world.visits()).toEqual([1, 2, 3, 4]);
});

test('a segment that a successor has cleared before it was recorded is not recorded', async () => {
  await on('a');
  world.write('a.json', [visit(1)]);
  const cleared = (name: string): void => {
    if (name !== 'stage.loaded') return;
    for (const { key } of server.bucket('lake').versions('visits/')) server.bucket('lake').remove(key);
  };
  await expect(world.run({ failpoints: { hit: cleared } })).rejects.toMatchObject({ code: 'WAREHOUSE_CONFLICT' });
  await world.run();
  expect(await world.visits()).toEqual([1]);
});
