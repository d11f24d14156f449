import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureBuilt } from '../cli/built.ts';
import { useQuickDirectory } from '../property/quick-directory.ts';
import { randomOf } from './random.ts';
import { type Days, expectedOutcomes, type NodePlace, NodeProcess, outcomes, simulateDays } from './schedule-kills.ts';

const KILLS = Number(process.env.SPARKIFY_KILLS ?? '8');
const SEED = Number(process.env.SPARKIFY_SEED ?? '1');

let days: Days;

beforeAll(async () => {
  useQuickDirectory();
  await ensureBuilt();
  days = await simulateDays(8, 3);
}, 240_000);

afterAll(async () => days?.dispose());

test(`a backfill, or a schedule, over ${KILLS} random deaths of its process ends as undisturbed`, {
  timeout: 3_600_000,
}, async () => {
  const random = randomOf(SEED);
  let kills = 0;
  for (let round = 1; kills < KILLS; round++) {
    const path = join(days.directory, `round-${round}`);
    const place: NodePlace = {
      mode: round % 2 === 1 ? 'backfill' : 'schedule',
      store: `sqlite:${path}/store.db`,
      warehouse: `duckdb:${path}/warehouse.duckdb`,
      segments: '',
      leaseMs: 20_000,
    };
    const lines: string[] = [];
    for (let finished = false; !finished; ) {
      const node = new NodeProcess(days, place, 'up');
      await node.ready;
      if (kills < KILLS) await node.within(random() * 600);
      else await node.exited();
      finished = node.done;
      if (!finished) kills++;
      await node.kill();
      lines.push(...node.lines);
    }
    const story = `seed ${SEED}, round ${round}:\n${lines.filter((l) => l !== 'ready').join('\n')}`;
    expect(await outcomes(place, days), story).toEqual(expectedOutcomes(place, days));
    expect(await days.star(place.warehouse, place.segments), story).toEqual(days.undisturbed);
  }
});
