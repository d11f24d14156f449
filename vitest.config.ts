import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { slowSuites } from './vitest.slow-suites.ts';

/** Whoever names suites means them. */
const named = process.argv.slice(2).some((arg) => arg.startsWith('tests/'));

export default defineConfig({
  resolve: { alias: { sparkify: fileURLToPath(new URL('./src/index.ts', import.meta.url)) } },
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: ['tests/shared/**', 'tests/servers/**', 'tests/long/**', 'node_modules/**', ...(named ? [] : slowSuites)],
    globalSetup: ['tests/postgres-server/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
