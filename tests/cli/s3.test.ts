import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type S3Server, startS3Server, testCredentials } from '../s3-server/index.ts';
import { ensureBuilt, sparkifyProcess } from './built.ts';

let server: S3Server;
let directory: string;

beforeAll(async () => {
  await ensureBuilt();
  server = await startS3Server({ buckets: { sparkify: {} } });
  directory = mkdtempSync(join(tmpdir(), 'sparkify-s3-'));
  const config = { s3: { endpoint: server.endpoint, region: 'us-east-1' }, warehouse: 'duckdb:warehouse.duckdb' };
  writeFileSync(join(directory, 'sparkify.config.ts'), `export default ${JSON.stringify(config)};\n`);
});
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('simulates into a bucket and loads from it, jsonpaths and all; the second run reads nothing', async () => {
  const env = {
    AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
  };
  const simulated = await sparkifyProcess(
    ['simulate', '--out', 's3://sparkify/data', '--users', '20', '--songs', '30', '--to', '2018-11-05', '--seed', '3'],
    { cwd: directory, env },
  );
  expect(simulated.code, simulated.err).toBe(0);
  const args = ['run', 'sparkify', '--json'];
  for (const [name, value] of [
    ['logData', 's3://sparkify/data/log_data'],
    ['songData', 's3://sparkify/data/song_data'],
    ['logJsonPaths', 's3://sparkify/data/log_json_path.json'],
  ])
    args.push('--set', `${name}=${value}`);
  const first = await sparkifyProcess(args, { cwd: directory, env });
  expect(first.code, first.err).toBe(0);
  const truth = JSON.parse(server.bucket('sparkify').get('data/truth.json')!.bytes.toString('utf8')) as {
    tables: { songplays: number };
  };
  const counted = await sparkifyProcess(['query', 'select count(*) as n from songplays', '--json'], { cwd: directory });
  expect(JSON.parse(counted.out)).toEqual([{ n: truth.tables.songplays }]);

  const before = server.requests.length;
  const second = await sparkifyProcess(args, { cwd: directory, env });
  expect(JSON.parse(second.out)).toMatchObject({ outcome: 'nothing-new' });
  expect(
    server.requests.slice(before).filter((r) => r.operation === 'GetObject' && r.key !== 'data/log_json_path.json'),
  ).toEqual([]);
  expect(first.err + second.err).not.toContain(testCredentials.secretAccessKey);
  expect(first.err).not.toContain('NodeVersionSupportWarning');
});

test('wrong keys are one error with a fix', async () => {
  const env = { AWS_ACCESS_KEY_ID: testCredentials.accessKeyId, AWS_SECRET_ACCESS_KEY: 'not-the-secret' };
  const run = await sparkifyProcess(
    [
      'run',
      'sparkify',
      '--set',
      'logData=s3://sparkify/data/log_data',
      '--set',
      'songData=s3://sparkify/data/song_data',
    ],
    { cwd: directory, env },
  );
  expect(run.code).toBe(4);
  expect(run.err).toContain('SOURCE_');
  expect(run.err).not.toContain('not-the-secret');
});
