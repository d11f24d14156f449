import { startS3Server } from '../s3-server/index.ts';
import { describeKills, durableSteps } from './kill.ts';
import { SEGMENTS_BUCKET } from './scenario.ts';

const own = ['segment.before-upload', 'segment.after-upload'];

describeKills('postgres', [...durableSteps, 'stage.loaded', 'mirror.before', 'mirror.after', ...own], {
  bucket: () => startS3Server({ buckets: { [SEGMENTS_BUCKET]: {} } }),
  killedAt: [...own, 'segment.after', 'stage.after', 'publish.after-commit'],
});
