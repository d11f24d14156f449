import { describeSource } from './contract.ts';
import { localStore } from './local-store.ts';
import { inRepoStore } from './s3-store.ts';

describeSource('a folder', localStore);
describeSource('S3', () => inRepoStore(false));
describeSource('S3 with versions', () => inRepoStore(true));
