import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { historyArbitrary } from './histories.ts';
import { PLANTED_BUGS, type PlantedBug } from './planted-bugs.ts';
import { plantedWorld } from './planted-world.ts';
import { checkHistory } from './world.ts';

/** The number of histories the product is tested with; every bug must be found well within it. */
const CASES = 200;
const HISTORIES = fc.sample(historyArbitrary(), { seed: 20181101, numRuns: CASES });

async function firstCatch(bug: PlantedBug): Promise<{ readonly index: number; readonly message: string } | undefined> {
  for (const [index, history] of HISTORIES.entries()) {
    try {
      await checkHistory(plantedWorld(bug), history);
    } catch (error) {
      return { index, message: (error as Error).message };
    }
  }
  return undefined;
}

describe('the histories and the comparison', () => {
  it('find nothing in an honest incremental world', async () => {
    for (const history of HISTORIES) await checkHistory(plantedWorld(), history, { finalRebuild: true });
  });

  it.each(Object.keys(PLANTED_BUGS) as PlantedBug[])('find the planted bug "%s"', async (bug) => {
    const found = await firstCatch(bug);
    expect(found?.message).toMatch(/differs|rows/);
    console.log(String(found?.index).padStart(5), bug);
  });
});
