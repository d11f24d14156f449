import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeRows } from './describe.ts';
import { logPath } from './model.ts';
import { type OrchestratedHistory, orchestratedArbitrary } from './orchestrated-plan.ts';
import { OrchestratedWorld } from './orchestrated-world.ts';
import { useQuickDirectory } from './quick-directory.ts';
import { computeStar, sortedRows, TABLES } from './reference.ts';

const DAY_MS = 86_400_000;

/** In `npm test` two; SPARKIFY_CASES counts histories that are played by hand, which are thirty times as quick. */
const cases =
  process.env.SPARKIFY_CASES === undefined ? 2 : Math.max(2, Math.ceil(Number(process.env.SPARKIFY_CASES) / 30));

test('any order of schedule, backfills, retries, changes, pauses and restarts ends in the same star as one rebuild', {
  timeout: 7_200_000,
}, async () => {
  useQuickDirectory();
  await fc.assert(fc.asyncProperty(orchestratedArbitrary({ min: 4, max: 7 }), play), {
    numRuns: cases,
    seed: Number(process.env.SPARKIFY_SEED ?? 20181105),
    endOnFailure: true,
  });
});

async function play(orchestrated: OrchestratedHistory): Promise<void> {
  const { history, actions } = orchestrated;
  const days = history.steps.flatMap((s) => (s.do === 'write' ? (dayOf(s.path) ?? []) : []));
  const world = await new OrchestratedWorld(
    Math.min(...days, Date.UTC(2021, 0, 1)) - DAY_MS,
    history.match,
    orchestrated,
  ).open();
  try {
    let round = 0;
    for (const step of history.steps) {
      if (step.do === 'write') world.write(step.path, step.records, step.text);
      else if (step.do === 'delete') world.delete(step.path);
      else if (step.do === 'publish')
        for (const action of actions[round++ % actions.length]!) await world.act(action, step);
    }
    await world.resumeAll();
    await world.repair();
    expect((await world.plan()).counts).toMatchObject({ missing: 0, failed: 0, stale: 0, running: 0 });
    expect(await world.unpublished()).toEqual([]);
    const published = await world.published();
    // One version of an object at a time.
    expect(new Set(published.objects.map((o) => o.uri)).size).toBe(published.objects.length);
    const expected = computeStar({ ...published, match: history.match });
    const compare = async (): Promise<void> => {
      for (const table of TABLES)
        expect(describeRows(table, sortedRows(await world.rows(table)), expected[table])).toBeUndefined();
    };
    await compare();
    await world.rebuild();
    await compare();
    expect(world.notes).toEqual([]);
  } finally {
    await world.close();
  }
}

function dayOf(path: string): number | undefined {
  const day = /(\d{4}-\d{2}-\d{2})-events/u.exec(path)?.[1];
  if (day === undefined) return undefined;
  const dayMs = Date.parse(`${day}T00:00:00Z`);
  return logPath(dayMs) === path ? dayMs : undefined;
}
