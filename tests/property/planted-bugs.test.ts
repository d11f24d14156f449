import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertHistories } from './assert-histories.ts';
import { historyArbitrary } from './histories.ts';
import { PLANTED_BUGS, type PlantedBug } from './planted-bugs.ts';
import { plantedWorld } from './planted-world.ts';
import { checkHistory } from './world.ts';

/** A fourth of the histories the product is tested with: every bug must be found well within those. */
const ENOUGH = 50;
const HISTORIES = fc.sample(historyArbitrary(), { seed: 20181101, numRuns: 100 });

async function firstFailure(bug: PlantedBug): Promise<string | undefined> {
  for (const history of HISTORIES.slice(0, ENOUGH)) {
    try {
      await checkHistory(plantedWorld(bug), history);
    } catch (error) {
      return (error as Error).message;
    }
  }
  return undefined;
}

describe('the histories and the comparison', () => {
  it('find nothing in an honest incremental world', async () => {
    for (const history of HISTORIES) await checkHistory(plantedWorld(), history, { finalRebuild: true });
  });

  it('find at the end what is still wrong at the end', async () => {
    const failures = HISTORIES.slice(0, ENOUGH).map((history) =>
      checkHistory(plantedWorld('old versions stay'), history, { compare: 'end' }).then(
        () => 'equal',
        () => 'different',
      ),
    );
    expect(await Promise.all(failures)).toContain('different');
  });

  it.each(Object.keys(PLANTED_BUGS) as PlantedBug[])('find the planted bug "%s"', async (bug) => {
    const message = await firstFailure(bug);
    expect(message).toContain(`"${bug}": `);
    // A world that breaks down is no proof that the comparison sees wrong rows.
    expect(message).toMatch(/(songplays|users|songs|artists|time) differs: \d+ of \d+ rows/);
  });

  it('shrink a failure to a history that a person can read, with what it takes to repeat it', async () => {
    const world = plantedWorld('plays without song dropped');
    const failure = await assertHistories(world, { cases: ENOUGH, seed: 1 }).catch((error: Error) => error.message);
    expect(failure).toMatch(/^a history ends in another star \(seed 1, path "[\d:]+"/);
    expect(failure).toMatch(/songplays differs: \d+ of \d+ rows are missing \(-\), 0 should not be \(\+\)/);
    expect(failure!.split('\n').filter((line) => line.includes(' plays ')).length).toBeLessThanOrEqual(3);
    const path = /path "([\d:]+)"/.exec(failure!)![1]!;
    await expect(assertHistories(world, { cases: ENOUGH, seed: 1, path })).rejects.toThrow('songplays differs');
  });
});
