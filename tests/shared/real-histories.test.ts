/** Histories over records of the real data beside invented ones: the reference against the incremental model. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertHistories } from '../property/assert-histories.ts';
import { splitRecords } from '../property/layout.ts';
import { plantedWorld } from '../property/planted-world.ts';

const DATA = join(resolve(process.env.SPARKIFY_SHARED ?? '../shared'), 'data/sparkify');

function recordsIn(folder: string, part: string): string[] {
  return readdirSync(join(DATA, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json') && name.includes(part))
    .sort()
    .flatMap((name) => splitRecords(readFileSync(join(DATA, folder, name), 'utf8')));
}

describe('histories over real records', () => {
  // The days around the one play whose song is in the catalogue.
  const events = recordsIn('log_data', '2018-11-2').filter((_, i) => i % 10 === 0);
  const songs = recordsIn('song_data', 'TR');
  const options = { cases: 30, seed: 2018, events, songs, baseMs: Date.UTC(2018, 10, 20), maxRecords: 60 } as const;

  it('end in the star of the reference', async () => {
    expect([events.length > 100, songs.length]).toEqual([true, 71]);
    await assertHistories(plantedWorld(), options);
  });

  it('find a planted bug', async () => {
    const run = assertHistories(plantedWorld('no promotion'), { ...options, shrinkTimeMs: 0 });
    await expect(run).rejects.toThrow('differs');
  });
});
