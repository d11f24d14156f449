import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Sources and segments over real S3 servers, which are built when they are missing. */
export default defineConfig({
  resolve: { alias: { sparkify: fileURLToPath(new URL('./src/index.ts', import.meta.url)) } },
  test: {
    include: ['tests/servers/**/*.test.ts'],
    globalSetup: ['tests/servers/global-setup.ts', 'tests/postgres-server/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
