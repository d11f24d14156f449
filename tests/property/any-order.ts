import fc from 'fast-check';
import { historyArbitrary } from './histories.ts';
import { useQuickDirectory } from './quick-directory.ts';
import { checkHistory, type WorldFactory } from './world.ts';

/**
 * Plays random histories against a warehouse: loads in random order with repeats, overlaps, changed and removed
 * objects, late songs, late events. Every table equals the reference, computed from nothing, row for row and by
 * checksum: after every publish in one case of five, at the end of every case, and after a rebuild.
 *
 * @param cases in `npm test`, 200 over both engines; SPARKIFY_CASES sets hundreds in CI and thousands in the long run, of
 *   histories that may be longer
 */
export async function anyOrder(factory: WorldFactory, seed: number, cases: number): Promise<void> {
  useQuickDirectory();
  let n = 0;
  await fc.assert(
    fc.asyncProperty(
      historyArbitrary({ minRounds: 2, maxRounds: process.env.SPARKIFY_CASES === undefined ? 3 : 5 }),
      async (history) => {
        n += 1;
        await checkHistory(factory, history, { compare: n % 5 === 0 ? 'every' : 'end', finalRebuild: n % 4 === 0 });
      },
    ),
    {
      numRuns: Number(process.env.SPARKIFY_CASES ?? cases),
      seed: Number(process.env.SPARKIFY_SEED ?? seed),
      endOnFailure: true,
    },
  );
}
