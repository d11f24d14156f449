import fc from 'fast-check';
import { it } from 'vitest';
import { historyArbitrary } from '/work/main/tests/property/histories.ts';
import { PLANTED_BUGS, type PlantedBug } from '/work/main/tests/property/planted-bugs.ts';
import { plantedWorld } from '/work/main/tests/property/planted-world.ts';
import { checkHistory } from '/work/main/tests/property/world.ts';
const H = fc.sample(historyArbitrary(), { seed: 7, numRuns: 300 });
it('rates', async () => {
  const steps = H.map((h) => h.steps.length), pubs = H.map((h) => h.steps.filter((s) => s.do === 'publish').length);
  console.log('mean steps', steps.reduce((a, b) => a + b) / H.length, 'publishes', pubs.reduce((a, b) => a + b) / H.length);
  const out: [number, string][] = [];
  for (const bug of Object.keys(PLANTED_BUGS) as PlantedBug[]) {
    let caught = 0;
    for (const h of H) await checkHistory(plantedWorld(bug), h).catch(() => caught++);
    out.push([caught / H.length, bug]);
  }
  out.sort((a, b) => a[0] - b[0]);
  console.log(out.map(([r, b]) => `${(100 * r).toFixed(1).padStart(5)} % ${b}`).join('\n'));
}, 600000);
