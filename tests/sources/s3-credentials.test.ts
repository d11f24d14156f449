import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openSource, type S3Settings } from '../../src/sources/index.ts';
import { type S3Server, startS3Server, testCredentials } from '../s3-server/index.ts';
import { impatient } from './s3-store.ts';

const assumed = { accessKeyId: 'ASIAROLE', secretAccessKey: 'secret-of-the-role', sessionToken: 'token-of-the-role' };

let server: S3Server;
let folder: string;
let sts: Server | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sparkify-aws-'));
  for (const name of [
    'ACCESS_KEY_ID',
    'SECRET_ACCESS_KEY',
    'SESSION_TOKEN',
    'PROFILE',
    'REGION',
    'DEFAULT_REGION',
    'ROLE_ARN',
  ])
    vi.stubEnv(`AWS_${name}`, undefined);
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'));
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'));
  server = await startS3Server({
    buckets: { music: { objects: { 'a.json': 'one' } } },
    credentials: [testCredentials, assumed],
    region: 'eu-west-3',
  });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.stop();
  sts?.closeAllConnections();
  sts?.close();
  sts = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function keys(s3: S3Settings): Promise<readonly string[]> {
  const source = await openSource('s3://music', {
    cwd: '/',
    s3: { endpoint: server.endpoint, attempts: 2, ...s3 },
    timing: impatient,
  });
  try {
    const { objects } = await source.list({ endings: ['.json'] });
    for await (const batch of source.fetch(objects, { directory: folder })) expect(batch).toHaveLength(1);
    return objects.map((o) => o.key);
  } finally {
    await source.close();
  }
}

test('the default chain finds keys and region in the environment', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', testCredentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', testCredentials.secretAccessKey);
  vi.stubEnv('AWS_REGION', 'eu-west-3');
  expect(await keys({})).toEqual(['a.json']);
});

test('a profile gives keys and region', async () => {
  writeFileSync(
    join(folder, 'credentials'),
    `[music]\naws_access_key_id=${testCredentials.accessKeyId}\naws_secret_access_key=${testCredentials.secretAccessKey}\n`,
  );
  writeFileSync(join(folder, 'config'), '[profile music]\nregion=eu-west-3\n');
  expect(await keys({ profile: 'music' })).toEqual(['a.json']);
});

test('the endpoint may come from the environment too', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL_S3', server.endpoint);
  const source = await openSource('s3://music', {
    cwd: '/',
    s3: { region: 'eu-west-3', ...testCredentials },
    timing: impatient,
  });
  // A host of digits cannot carry the bucket's name, so the address is in path style by itself.
  expect((await source.list({ endings: ['.json'] })).objects).toHaveLength(1);
  await source.close();
});

test('a role is assumed with the keys found', async () => {
  const asked: string[] = [];
  sts = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      asked.push(body);
      response.setHeader('content-type', 'text/xml');
      response.end(
        `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>${assumed.accessKeyId}</AccessKeyId><SecretAccessKey>${assumed.secretAccessKey}</SecretAccessKey><SessionToken>${assumed.sessionToken}</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
      );
    });
  });
  await new Promise<void>((resolve) => sts!.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('AWS_ENDPOINT_URL_STS', `http://127.0.0.1:${(sts.address() as AddressInfo).port}`);
  const roleArn = 'arn:aws:iam::123456789012:role/reader';
  expect(await keys({ ...testCredentials, region: 'eu-west-3', roleArn })).toEqual(['a.json']);
  expect(asked.length).toBeGreaterThan(0);
  expect(asked[0]).toContain(encodeURIComponent(roleArn));
});

test('where there are none, the error says where they are looked for', async () => {
  await expect(keys({ region: 'eu-west-3' })).rejects.toMatchObject({
    code: 'SOURCE_CREDENTIALS',
    remedy: expect.stringContaining('AWS_ACCESS_KEY_ID'),
  });
});
