import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isSparkifyError } from '../../src/core/errors.ts';
import { armedFailpoint } from '../../src/core/failpoints.ts';
import { type PostgresServer, startPostgresServer } from '../postgres-server/server.ts';
import { useQuickDirectory } from '../property/quick-directory.ts';
import { prepareScenario, type Scenario } from './scenario.ts';

let server: PostgresServer;
let scenario: Scenario;
let undisturbed: Readonly<Record<string, string>>;
let postmasterFile: string;

beforeAll(async () => {
  useQuickDirectory();
  server = await startPostgresServer({ fsync: true });
  const client = new pg.Client({ connectionString: server.url('postgres') });
  await client.connect();
  const { rows } = await client.query<{ data_directory: string }>('show data_directory');
  await client.end();
  postmasterFile = join(rows[0]!.data_directory, 'postmaster.pid');
  scenario = await prepareScenario('postgres', server.url('postgres'));
  const stage = await scenario.stage();
  await scenario.run(stage);
  undisturbed = await scenario.outcome(stage);
  await stage.dispose();
}, 120_000);

afterAll(async () => {
  await scenario?.dispose();
  await server?.dispose();
});

/** The server is gone before anybody else in this process does anything: no checkpoint, no goodbye. */
function crash(): void {
  const pid = Number(readFileSync(postmasterFile, 'utf8').split('\n')[0]);
  process.kill(pid, 'SIGQUIT');
  const nap = new Int32Array(new SharedArrayBuffer(4));
  while (isAlive(pid)) Atomics.wait(nap, 0, 0, 5);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test.each([
  ['while staging, before a load', 'stage.before'],
  ['while staging, in the middle of a transaction', 'stage.loaded:2'],
  ['while loading the tables', 'delta.after:2'],
  ['before the publish', 'publish.before'],
  ['before its COMMIT', 'publish.before-commit'],
])('the server crashes %s: a retryable error, and the next run ends right', async (_when, failpoint) => {
  const stage = await scenario.stage();
  let crashed = false;
  const failpoints = armedFailpoint(failpoint, () => {
    crashed = true;
    crash();
  });
  const failure = await scenario.run(stage, { failpoints }).catch((error: unknown) => error);
  expect(crashed, `${failpoint} was not reached`).toBe(true);
  if (!isSparkifyError(failure)) expect.fail(`no clear error: ${String(failure)}`);
  expect(['WAREHOUSE_LOST', 'WAREHOUSE_UNREACHABLE', 'COMMIT_UNKNOWN']).toContain(failure.code);
  expect(failure).toMatchObject({ retryable: true, exitCode: 4 });
  expect(failure.remedy).not.toBe('');
  await server.restart();
  expect(await scenario.outcome(stage)).toMatchObject({ publishes: '1', batches: '1' });
  expect(await scenario.run(stage)).toMatchObject({ outcome: 'published', epoch: 2 });
  expect(await scenario.outcome(stage)).toEqual(undisturbed);
  await stage.dispose();
});

test('the server crashes after the publish: what was published is there, and the next run has nothing to do', async () => {
  const stage = await scenario.stage();
  const failpoints = armedFailpoint('publish.after-commit', crash);
  const failure = await scenario.run(stage, { failpoints }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'WAREHOUSE_UNREACHABLE', retryable: true });
  await server.restart();
  expect(await scenario.outcome(stage)).toEqual(undisturbed);
  expect(await scenario.run(stage)).toMatchObject({ outcome: 'nothing-new', epoch: 2 });
  expect(await scenario.outcome(stage)).toEqual(undisturbed);
  await stage.dispose();
});
