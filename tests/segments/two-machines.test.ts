import { startBucket } from './bucket-place.ts';
import { describeTwoMachines } from './two-machines.ts';

describeTwoMachines('the S3 server of the tests', async () => {
  const { server, s3 } = await startBucket();
  return {
    url: 's3://lake/segments',
    s3,
    paths: async () =>
      server
        .bucket('lake')
        .versions('segments/sparkify/')
        .map((v) => v.key.slice('segments/'.length))
        .sort(),
    stop: () => server.stop(),
  };
});
