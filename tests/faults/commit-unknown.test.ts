import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Failpoints } from '../../src/core/failpoints.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../fault-proxy/fault-proxy.ts';
import { useQuickDirectory } from '../property/quick-directory.ts';
import { prepareScenario, type Scenario, type Stage } from './scenario.ts';

let scenario: Scenario;
let proxy: FaultProxy;
let undisturbed: Readonly<Record<string, string>>;

beforeAll(async () => {
  useQuickDirectory();
  const { hostname, port } = new URL(inject('postgresUrl'));
  proxy = await startFaultProxy({ host: hostname, port: Number(port) });
  scenario = await prepareScenario('postgres');
  const stage = await scenario.stage();
  await scenario.run(stage);
  undisturbed = await scenario.outcome(stage);
  await stage.dispose();
}, 120_000);

afterAll(async () => {
  await proxy?.close();
  await scenario?.dispose();
});

/** Runs through the proxy; from the failpoint on, the next COMMIT meets the fault. */
async function runWithLostCommit(stage: Stage, failpoint: string, fault: Omit<Fault, 'word'>): Promise<unknown> {
  const fired = proxy.fired;
  let armed = false;
  const failpoints: Failpoints = {
    hit: (name) => {
      if (name !== failpoint || armed) return;
      armed = true;
      proxy.arm({ ...fault, word: 'commit' });
    },
  };
  const result = await scenario
    .run(stage, { url: proxy.through(stage.url), failpoints })
    .catch((error: unknown) => error);
  expect(proxy.fired, `no COMMIT was cut after ${failpoint}`).toBe(fired + 1);
  return result;
}

describe('the connection is lost at the COMMIT of the publish', () => {
  test('before the server has seen it: the run says that the outcome is unknown, and the next one publishes', async () => {
    const stage = await scenario.stage();
    const result = await runWithLostCommit(stage, 'publish.before-commit', { kind: 'cut-before' });
    expect(result).toMatchObject({ code: 'COMMIT_UNKNOWN', retryable: true });
    expect(await scenario.outcome(stage)).toMatchObject({ publishes: '1' });
    expect(await scenario.run(stage)).toMatchObject({ outcome: 'published', epoch: 2 });
    expect(await scenario.outcome(stage)).toEqual(undisturbed);
    await stage.dispose();
  });

  test('before its answer: the run finds in the ledger that it has published, and says so', async () => {
    const stage = await scenario.stage();
    const result = await runWithLostCommit(stage, 'publish.before-commit', { kind: 'cut-after' });
    expect(result).toMatchObject({ outcome: 'published', epoch: 2 });
    expect(await scenario.outcome(stage)).toEqual(undisturbed);
    expect(await scenario.run(stage)).toMatchObject({ outcome: 'nothing-new', epoch: 2 });
    expect(await scenario.outcome(stage)).toEqual(undisturbed);
    await stage.dispose();
  });

  test('and the server lets nobody in any more: unknown; the next run finds it published', async () => {
    const stage = await scenario.stage();
    const result = await runWithLostCommit(stage, 'publish.before-commit', { kind: 'cut-after', thenRefuse: true });
    expect(result).toMatchObject({ code: 'COMMIT_UNKNOWN', retryable: true });
    proxy.arm(undefined);
    expect(await scenario.run(stage)).toMatchObject({ outcome: 'nothing-new', epoch: 2 });
    expect(await scenario.outcome(stage)).toEqual(undisturbed);
    await stage.dispose();
  });

  test('and it arrives after the look into the ledger: unknown, and what is published stays published', async () => {
    const stage = await scenario.stage();
    // The ledger's lock is asked for only after the look, when the run takes a note of its failure.
    const late = { kind: 'cut-late', until: 'set seq = seq + 1' } as const;
    const result = await runWithLostCommit(stage, 'publish.before-commit', late);
    expect(result).toMatchObject({ code: 'COMMIT_UNKNOWN', retryable: true });
    expect(await scenario.outcome(stage)).toEqual(undisturbed);
    expect(await scenario.run(stage)).toMatchObject({ outcome: 'nothing-new', epoch: 2 });
    await stage.dispose();
  });
});

describe.each([
  ['a loaded segment', 'stage.loaded'],
  ['the batch', 'batch.before'],
] as const)('the connection is lost at the COMMIT of %s', (_name, failpoint) => {
  test.each(['cut-before', 'cut-after'] as const)('%s: the next run ends the same, nothing twice', async (kind) => {
    const stage = await scenario.stage();
    const result = await runWithLostCommit(stage, failpoint, { kind });
    expect(result).toMatchObject({ code: 'COMMIT_UNKNOWN', retryable: true });
    expect(await scenario.outcome(stage)).toMatchObject({ publishes: '1' });
    expect(await scenario.run(stage)).toMatchObject({ outcome: 'published', epoch: 2 });
    expect(await scenario.outcome(stage)).toEqual(undisturbed);
    await stage.dispose();
  });
});
