import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { storeOpener } from '../stores.ts';
import { cases } from './commands.ts';
import { play } from './world.ts';

/** Cases in `npm test`; `npm run test:long` sets thousands. */
const CASES = { sqlite: 40, postgres: 4 } as const;
const STEPS = 50;
/** How long a failure may be shrunk. */
const SHRINK_MS = 60_000;
/** Kinds of commands that must have done something, or the cases test less than they seem to. */
const EXPECTED = [
  'create',
  'claim',
  'complete',
  'start',
  'complete-late',
  'expire',
  'release',
  'cancel',
  'retry',
  'retry-task',
  'mark',
];

for (const engine of ['sqlite', 'postgres'] as const)
  describe(`random commands and crashes on ${engine}`, () => {
    const open = storeOpener(engine);

    test('never reach a state that the drawing lacks, and every count equals what is counted anew', async () => {
      const world = await open();
      const effects = new Map<string, number>();
      let failedAtMs: number | undefined;
      const numRuns =
        process.env.SPARKIFY_CASES === undefined
          ? CASES[engine]
          : Math.ceil(Number(process.env.SPARKIFY_CASES) * (engine === 'sqlite' ? 1 : 0.1));
      await fc.assert(
        fc.asyncProperty(cases(STEPS), async (drawn) => {
          // Cases after the limit count as passed, which ends the shrinking without losing what was found.
          if (failedAtMs !== undefined && performance.now() - failedAtMs > SHRINK_MS) return;
          try {
            for (const [command, count] of await play(world, drawn))
              effects.set(command, (effects.get(command) ?? 0) + count);
          } catch (error) {
            failedAtMs ??= performance.now();
            throw error;
          }
        }),
        { numRuns, seed: Number(process.env.SPARKIFY_SEED ?? 4711), endOnFailure: false },
      );
      const expected = engine === 'sqlite' ? EXPECTED : EXPECTED.slice(0, 3);
      expect(expected.filter((command) => !effects.has(command))).toEqual([]);
    }, 3_600_000);
  });
