import { CreateBucketCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { describe, expect, inject, test } from 'vitest';
import { openSource } from '../../src/sources/index.ts';
import { describeSource, ODD_KEYS } from '../sources/contract.ts';
import { impatient, s3Store, sdkClient } from '../sources/s3-store.ts';
import { type launches, startRealServer } from './real-server.ts';

/** Keys a server refuses to store at all, because it keeps them as files. */
const refused: Readonly<Record<keyof typeof launches, (key: string) => boolean>> = {
  minio: () => false,
  versitygw: () => false,
};

for (const name of ['minio', 'versitygw'] as const) {
  for (const versioning of [false, true]) {
    describeSource(`${name}${versioning ? ' with versions' : ''}`, async () => {
      const server = await startRealServer(name, inject('serverBinaries'));
      const settings = { region: 'us-east-1', ...server };
      const client = sdkClient(settings);
      await client.send(new CreateBucketCommand({ Bucket: 'music' }));
      if (versioning) {
        const VersioningConfiguration = { Status: 'Enabled' } as const;
        await client.send(new PutBucketVersioningCommand({ Bucket: 'music', VersioningConfiguration }));
      }
      client.destroy();
      const oddKeys = ODD_KEYS.filter((key) => !refused[name](key));
      return s3Store({ settings, bucket: 'music', keepsVersions: versioning, oddKeys, stop: () => server.stop() });
    });
  }

  describe(`errors of ${name}`, () => {
    test('wrong keys and missing buckets are told apart', async () => {
      const server = await startRealServer(name, inject('serverBinaries'));
      try {
        const listing = async (bucket: string, keys: object): Promise<unknown> => {
          const s3 = {
            endpoint: server.endpoint,
            region: 'us-east-1',
            accessKeyId: server.accessKeyId,
            secretAccessKey: server.secretAccessKey,
            ...keys,
          };
          const source = await openSource(`s3://${bucket}`, { cwd: '/', s3, timing: impatient });
          return source.list({ endings: [''] }).finally(() => source.close());
        };
        await expect(listing('nobody', {})).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' });
        await expect(listing('nobody', { secretAccessKey: 'wrong' })).rejects.toMatchObject({
          code: 'SOURCE_CREDENTIALS',
        });
        await expect(listing('nobody', { accessKeyId: 'AKNOBODY' })).rejects.toMatchObject({
          code: 'SOURCE_CREDENTIALS',
        });
      } finally {
        await server.stop();
      }
    });
  });
}
