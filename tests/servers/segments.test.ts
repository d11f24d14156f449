import {
  CreateBucketCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, inject, test } from 'vitest';
import { bucketSegments } from '../../src/segments/bucket.ts';
import { describeTwoMachines } from '../segments/two-machines.ts';
import { impatient, sdkClient } from '../sources/s3-store.ts';
import { startRealServer } from './real-server.ts';

describe.each(['minio', 'versitygw'] as const)('segments in %s', (name) => {
  describeTwoMachines(`${name} with versions`, async () => {
    const server = await startRealServer(name, inject('serverBinaries'));
    const s3 = { region: 'us-east-1', ...server };
    const client = sdkClient(s3);
    await client.send(new CreateBucketCommand({ Bucket: 'lake' }));
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket: 'lake', VersioningConfiguration }));
    const prefix = 'segments of 2018/';
    return {
      url: `s3://lake/${prefix}`,
      s3,
      paths: async () => {
        const { Contents = [] } = await client.send(
          new ListObjectsV2Command({ Bucket: 'lake', Prefix: `${prefix}sparkify/` }),
        );
        return Contents.map((o) => o.Key!.slice(prefix.length)).sort();
      },
      stop: async () => {
        client.destroy();
        await server.stop();
      },
    };
  });

  test('the look at the start: one name for all who come at once; wrong keys and missing buckets', async () => {
    const server = await startRealServer(name, inject('serverBinaries'));
    try {
      const s3 = { region: 'us-east-1', ...server };
      const client = sdkClient(s3);
      await client.send(new CreateBucketCommand({ Bucket: 'lake' }));
      client.destroy();
      const check = async (url: string, keys: object = {}): Promise<string> => {
        const store = bucketSegments({ url, cache: '/nowhere', s3: { ...s3, ...keys }, timing: impatient });
        return store.check().finally(() => store.close());
      };
      const ids = await Promise.all([1, 2, 3, 4].map(() => check('s3://lake/a')));
      expect(new Set(ids).size).toBe(1);
      expect(await check('s3://lake/b')).not.toBe(ids[0]);
      const refused = { code: 'SEGMENTS_REFUSED' };
      await expect(check('s3://nobody')).rejects.toMatchObject(refused);
      await expect(check('s3://lake', { secretAccessKey: 'wrong' })).rejects.toMatchObject(refused);
    } finally {
      await server.stop();
    }
  });
});

/** As docs/configuration.md names them, and what is said when one of them lacks. */
const rights = {
  's3:PutObject': 'written',
  's3:ListBucket': 'listed',
  's3:GetObject': 'read',
  's3:DeleteObject': 'cleared',
} as const;

test('the rights that are documented are enough, and each that lacks is named at the start', async () => {
  const server = await startRealServer('minio', inject('serverBinaries'));
  const client = sdkClient({ region: 'us-east-1', ...server });
  try {
    await client.send(new CreateBucketCommand({ Bucket: 'lake' }));
    const s3 = { region: 'us-east-1', endpoint: server.endpoint, anonymous: true };
    const allow = async (actions: readonly string[]): Promise<void> => {
      const objects = actions.filter((a) => a !== 's3:ListBucket');
      const Statement = [
        { Effect: 'Allow', Principal: '*', Action: objects, Resource: 'arn:aws:s3:::lake/music/*' },
        ...(objects.length === actions.length
          ? []
          : [{ Effect: 'Allow', Principal: '*', Action: 's3:ListBucket', Resource: 'arn:aws:s3:::lake' }]),
      ];
      const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
      await client.send(new PutBucketPolicyCommand({ Bucket: 'lake', Policy }));
    };
    const store = bucketSegments({ url: 's3://lake/music', cache: '/nowhere', s3, timing: impatient });
    const all = Object.keys(rights);
    for (const [lacking, action] of Object.entries(rights)) {
      await allow(all.filter((a) => a !== lacking));
      await expect(store.check(), lacking).rejects.toMatchObject({
        code: 'SEGMENTS_REFUSED',
        message: expect.stringContaining(`it may not be ${action}`),
        remedy: expect.stringContaining(lacking),
      });
    }
    await allow(all);
    await store.check();
    await store.claim(async () => ({ id: 'one', shown: 'one' }));
    await store.writeTexts([{ path: 'corrections/a', bytes: Buffer.from('a') }]);
    expect([await store.kept('visits'), await store.holds('visits/none'), await store.readText('none')]).toEqual([
      [],
      false,
      undefined,
    ]);
    await store.close();
  } finally {
    client.destroy();
    await server.stop();
  }
});
