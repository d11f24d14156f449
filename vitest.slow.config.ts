import { defineConfig } from 'vitest/config';
import everything from './vitest.config.ts';
import { slowSuites } from './vitest.slow-suites.ts';

/** The suites that `npm test` has no time for, without what makes them long: `.ci/run` runs them each time. */
export default defineConfig({
  ...everything,
  test: { ...everything.test, include: [...slowSuites], exclude: ['node_modules/**'] },
});
