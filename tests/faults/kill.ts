import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Failpoints } from '../../src/core/failpoints.ts';
import { ensureBuilt, sparkifyProcess as sparkify } from '../cli/built.ts';
import { useQuickDirectory } from '../property/quick-directory.ts';
import type { S3Server } from '../s3-server/index.ts';
import { prepareScenario, type Scenario } from './scenario.ts';

/** Edges of the durable steps that every engine has. */
export const durableSteps: readonly string[] = [
  'spool.before',
  'spool.after',
  'segment.before',
  'segment.after-write',
  'segment.after',
  'stage.before',
  'stage.after',
  'batch.before',
  'batch.after',
  'delta.before',
  'delta.after',
  'audit.before',
  'audit.after',
  'publish.before',
  'publish.statement',
  'publish.before-commit',
  'publish.after-commit',
];

/** Every hit of every failpoint with SPARKIFY_FAULTS=all; else the last of each name, and the first of a publish's statements. */
const EVERY_HIT = process.env.SPARKIFY_FAULTS === 'all';

export interface KillOptions {
  /** Where segments last. @default folders */
  readonly bucket?: () => Promise<S3Server>;
  /** @default all */
  readonly killedAt?: readonly string[];
}

/**
 * Kills the command with SIGKILL at its failpoints; the next run must end as an undisturbed one. With a bucket it is
 * another machine's.
 */
export function describeKills(
  engine: Scenario['engine'],
  expectedNames: readonly string[],
  { bucket, killedAt = expectedNames }: KillOptions = {},
): void {
  describe(`any death on ${engine}${bucket === undefined ? '' : ' with segments in a bucket'}`, () => {
    let server: S3Server | undefined;
    let scenario: Scenario;
    let undisturbed: Readonly<Record<string, string>>;
    const hits = new Map<string, number>();

    beforeAll(async () => {
      useQuickDirectory();
      await ensureBuilt();
      server = await bucket?.();
      scenario = await prepareScenario(engine, undefined, server);
      const counting: Failpoints = { hit: (name) => void hits.set(name, (hits.get(name) ?? 0) + 1) };
      const stage = await scenario.stage();
      await scenario.run(stage, { failpoints: counting });
      undisturbed = await scenario.outcome(stage);
      await stage.dispose();
    }, 120_000);

    afterAll(async () => {
      await scenario?.dispose();
      await server?.stop();
    });

    test('the undisturbed run passes every durable step', () => {
      expect([...hits.keys()].sort()).toEqual([...expectedNames].sort());
      expect(undisturbed).toMatchObject({ publishes: '2', objects: '15 live', quarantine: '1' });
    });

    test.each(killedAt)('killed at %s, the next run ends the same', { timeout: 600_000 }, async (name) => {
      const count = hits.get(name)!;
      const numbers = EVERY_HIT
        ? Array.from({ length: count }, (_, i) => i + 1)
        : [...new Set(name === 'publish.statement' ? [1, Math.ceil(count / 2), count] : [count])];
      for (const n of numbers) {
        const stage = await scenario.stage();
        const { args, env } = scenario.command(stage);
        const killed = await sparkify(args, { cwd: '/', env: { ...env, SPARKIFY_FAILPOINT: `${name}:${n}` } });
        expect(killed.code, `${name}:${n} did not kill:\n${killed.err}`).not.toBe(0);
        expect(killed.out).not.toContain('Published');
        const next = server === undefined ? stage : { ...stage, segmentsDirectory: `${stage.segmentsDirectory}-next` };
        await scenario.run(next);
        expect(await scenario.outcome(next), `after a death at ${name}:${n}`).toEqual(undisturbed);
        await stage.dispose();
      }
    });
  });
}
