import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The suites over the real data: the folder SPARKIFY_SHARED or `../shared`, read in place. Without it they fail. */
export default defineConfig({
  resolve: { alias: { sparkify: fileURLToPath(new URL('./src/index.ts', import.meta.url)) } },
  test: {
    include: ['tests/shared/**/*.test.ts'],
    globalSetup: ['tests/postgres-server/global-setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
