import type { TestProject } from 'vitest/node';
import { startPostgresServer } from './server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** URL of the database `postgres` of the test run's server, with its password. */
    postgresUrl: string;
  }
}

/**
 * One PostgreSQL for the whole test run, or the one that SPARKIFY_TEST_POSTGRES names (a URL of a superuser), by which
 * the same tests run on another version.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const external = process.env.SPARKIFY_TEST_POSTGRES;
  if (external !== undefined && external !== '') {
    project.provide('postgresUrl', external);
    return async () => {};
  }
  const server = await startPostgresServer();
  project.provide('postgresUrl', server.url('postgres'));
  return () => server.dispose();
}
