import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../postgres-server/database.ts';
import { type S3Server, startS3Server, testCredentials } from '../s3-server/index.ts';
import { type CliResult, sparkify } from './in-process.ts';

const PIPELINE = `
  import { chain, col, createTables, definePipeline, fact, loadFact, publish, quality, read, stage, staging, z } from 'sparkify';
  export default definePipeline({
    name: 'visits',
    params: z.object({ root: z.string() }),
    define: ({ root }) => {
      const visits = staging('staging_visits', { doc: 'Visits.', root, key: ['visit'], columns: {
        visit: read.integer({ required: true, doc: 'Number.' }),
      } });
      const facts = fact('visits', { doc: 'One row a visit.', from: visits, key: ['visit'], columns: {
        visit: col.bigint({ sql: 'r.visit', nullable: false, doc: 'Number.' }),
      } });
      return { stagings: [visits], tables: [facts], tasks: chain(createTables(), stage(visits), loadFact(facts), quality(), publish()) };
    },
  });`;

let server: S3Server;
let database: TestDatabase;
let directory: string;

beforeAll(async () => {
  server = await startS3Server({ buckets: { lake: {} } });
  database = await createTestDatabase();
  directory = mkdtempSync(join(tmpdir(), 'sparkify-lake-'));
  mkdirSync(join(directory, 'in'));
  writeFileSync(join(directory, 'in', 'a.json'), '{"visit": 1}\n{"visit": 2}');
  writeFileSync(join(directory, 'visits.ts'), PIPELINE);
  const config = {
    warehouse: database.url,
    store: database.url,
    segments: 's3://lake/segments',
    s3: { endpoint: server.endpoint, region: 'us-east-1' },
    pipelines: ['./visits.ts'],
    params: { visits: { root: 'in' } },
  };
  writeFileSync(join(directory, 'sparkify.config.mjs'), `export default ${JSON.stringify(config)};`);
});
beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', testCredentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', testCredentials.secretAccessKey);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await database?.drop();
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const cli = (...args: readonly string[]): Promise<CliResult> => sparkify(args, { cwd: directory });

test('a run, a worker and doctor say at the start that the bucket refuses them; no run is begun', async () => {
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'not-the-secret');
  for (const command of [['run', 'visits'], ['worker'], ['up', '--port', '0']]) {
    const refused = await cli(...command);
    expect(refused).toMatchObject({ code: 4, out: '' });
    expect(refused.err).toContain('Segments cannot be kept in s3://lake/segments: SignatureDoesNotMatch');
    expect(refused.err).toContain('SEGMENTS_REFUSED');
  }
  const doctor = await cli('doctor');
  expect(doctor.code).toBe(1);
  expect(doctor.out).toContain('✗ segments  Segments cannot be kept in s3://lake/segments');
  expect(JSON.parse((await cli('runs', 'list', '--json')).out)).toEqual([]);
});

test('a run keeps its segments there, doctor tries it out, and nothing is left of the looks', async () => {
  const ran = await cli('run', 'visits');
  expect(ran.code, ran.err).toBe(0);
  const keys = server
    .bucket('lake')
    .versions('')
    .map((v) => v.key);
  expect(keys).toEqual([
    'segments/owner',
    'segments/segments.id',
    expect.stringMatching(/^segments\/visits\/staging_visits\/.+-[0-9a-f]{16}\.parquet$/),
  ]);
  const doctor = await cli('doctor');
  expect(doctor.out).toContain('✓ segments  s3://lake/segments can be written, listed, read and cleared');
  expect(server.bucket('lake').versions('')).toHaveLength(3);
  const before = server.requests.length;
  expect((await cli('run', 'visits')).code).toBe(0);
  expect(server.requests.slice(before).map((r) => r.operation)).toEqual([
    // The look at the start …
    ...['PutObject', 'ListObjectsV2', 'GetObject', 'DeleteObject', 'GetObject'],
    // … whose it is, and what lies there.
    ...['GetObject', 'ListObjectsV2'],
  ]);
  const traced = await cli('trace', 'visits', '2');
  expect(traced.out).toContain('{"visit": 2}');
});
