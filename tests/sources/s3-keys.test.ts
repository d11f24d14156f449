import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openSink, openSource } from '../../src/sources/index.ts';
import { s3Uri } from '../../src/sources/uri.ts';
import { startS3Server, testCredentials } from '../s3-server/index.ts';
import { bytesOf } from './contract.ts';
import { impatient } from './s3-store.ts';

/** Keys S3 allows and no file system does. */
const WILD_KEYS = [
  '../x.json',
  'a/../../b.json',
  './c.json',
  '/lead.json',
  'a//b.json',
  '\u0001\u007f.json',
  '+.json',
  ' .json',
  '%2F.json',
  '?versionId=x.json',
];

const anyKey = fc
  .array(fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom('..', '.', '', ' ', '%', "'")), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => `k${parts.join('/')}.json`);

for (const versioning of [false, true]) {
  test(`any key is signed, listed and read as itself${versioning ? ', with versions' : ''}`, async () => {
    const server = await startS3Server({ buckets: { music: { versioning } }, pageKeys: 50 });
    const directory = mkdtempSync(join(tmpdir(), 'sparkify-keys-'));
    const options = {
      cwd: '/',
      s3: { endpoint: server.endpoint, region: 'us-east-1', ...testCredentials },
      timing: impatient,
    };
    try {
      const keys = [...new Set([...WILD_KEYS, ...fc.sample(anyKey, { numRuns: 300, seed: 20181101 })])];
      const sink = await openSink('s3://music', options);
      for (const key of keys) await sink.write(key, Buffer.from(key));
      await sink.close();
      const source = await openSource('s3://music', options);
      const { objects } = await source.list({ endings: ['.json'] });
      expect(objects.map((o) => o.key).sort()).toEqual([...keys].sort());
      for await (const batch of source.fetch(objects, { directory })) {
        for (const f of batch) expect((await bytesOf(f)).toString('utf8')).toBe(f.object.key);
      }
      for (const o of objects.slice(0, 50)) {
        expect(o.uri).toBe(s3Uri('music', o.key));
        expect(Buffer.from((await source.readVersion(o.uri, o.version!))!).toString('utf8')).toBe(o.key);
      }
      await source.close();
    } finally {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  });
}
