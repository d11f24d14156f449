import { defineConfig } from 'vitest/config';

/** The contract of sources over real S3 servers, which are built when they are missing. */
export default defineConfig({
  test: {
    include: ['tests/servers/**/*.test.ts'],
    globalSetup: ['tests/servers/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
