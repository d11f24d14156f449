import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSink } from '../../src/sources/index.ts';
import { readText } from '../../src/sources/read-text.ts';
import { startS3Server, testCredentials } from '../s3-server/index.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sparkify-text-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('reads a file relative to the working directory', async () => {
  writeFileSync(join(directory, 'paths.json'), '{"jsonpaths": []}');
  expect(await readText('paths.json', { cwd: directory })).toBe('{"jsonpaths": []}');
});

test('reads one object of a bucket', async () => {
  const server = await startS3Server({ buckets: { data: {} } });
  const options = { cwd: directory, s3: { endpoint: server.endpoint, region: 'us-east-1', ...testCredentials } };
  try {
    const sink = await openSink('s3://data', options);
    await sink.write('log_json_path.json', Buffer.from('{"jsonpaths": ["$.é"]}'));
    await sink.close();
    expect(await readText('s3://data/log_json_path.json', options)).toBe('{"jsonpaths": ["$.é"]}');
    await expect(readText('s3://data/other.json', options)).rejects.toMatchObject({
      code: expect.stringMatching(/^SOURCE_/),
    });
  } finally {
    await server.stop();
  }
});
