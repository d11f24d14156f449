/** The reference over the real data, read in place: the folder `SPARKIFY_SHARED` or `../shared`, in `data/sparkify`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Cell, Row } from '../property/canonical.ts';
import { splitRecords } from '../property/layout.ts';
import { computeStar, type LiveObject, type ObjectKind } from '../property/reference.ts';

const DATA = join(resolve(process.env.SPARKIFY_SHARED ?? '../shared'), 'data/sparkify');

function objectsIn(folder: string, kind: ObjectKind): LiveObject[] {
  return readdirSync(join(DATA, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => ({ uri: name, kind, records: splitRecords(readFileSync(join(DATA, folder, name), 'utf8')) }));
}

function counts(cells: Iterable<Cell>): Map<Cell, number> {
  const result = new Map<Cell, number>();
  for (const cell of cells) result.set(cell, (result.get(cell) ?? 0) + 1);
  return result;
}

const column = (rows: readonly Row[], index: number): Cell[] => rows.map((row) => row[index] ?? null);

describe('the reference over the real data', () => {
  const objects = [...objectsIn('log_data', 'events'), ...objectsIn('song_data', 'songs')];
  const star = computeStar({ objects, coverage: 'all', match: 'title-artist' });

  it('reads every record', () => {
    const read = (kind: ObjectKind) => objects.filter((o) => o.kind === kind).flatMap((o) => o.records).length;
    expect([read('events'), read('songs')]).toEqual([8056, 71]);
  });

  it('has the published number of rows in every table', () => {
    const sizes = Object.entries(star).map(([table, rows]) => [table, rows.length]);
    expect(Object.fromEntries(sizes)).toEqual({ songplays: 6820, users: 97, songs: 71, artists: 69, time: 6813 });
  });

  it.each(['title-artist', 'strict'] as const)('matches the one play, by user 15 (%s)', (match) => {
    const matched = computeStar({ objects, coverage: 'all', match }).songplays.filter((r) => r[4] !== null);
    expect(matched.map((r) => [r[2], r[4], r[5]])).toEqual([[15, 'SOZCTXZ12AB0182364', 'AR5KOSW1187FB35FF4']]);
  });

  it('has the published distributions', () => {
    const hours = new Map(star.time.map((r) => [r[0], r]));
    const part = (index: number) => counts(column(star.songplays, 1).map((ms) => hours.get(ms)?.[index] ?? null));
    const level = counts(column(star.songplays, 3));
    expect([level.get('paid'), level.get('free')]).toEqual([5591, 1229]);
    expect([0, 1, 2, 3, 4, 5, 6].map((d) => part(6).get(d))).toEqual([396, 1014, 1071, 1364, 1052, 1295, 628]);
    expect([44, 45, 46, 47, 48].map((w) => part(3).get(w))).toEqual([410, 1257, 1958, 1711, 1484]);
    expect([16, 18, 17, 15, 14, 3].map((h) => part(1).get(h))).toEqual([542, 498, 494, 477, 432, 109]);
    expect([part(2).get(15), part(2).get(1)]).toEqual([479, 11]);
    const places = counts(column(star.songplays, 7));
    expect(places.get('San Francisco-Oakland-Hayward, CA')).toBe(691);
    // One man more than among the listeners: user 21 never plays.
    const gender = counts(column(star.users, 3));
    expect([gender.get('F'), gender.get('M')]).toEqual([55, 41 + 1]);
  });

  it('is the same whatever the order of objects and records', () => {
    const reversed = [...objects].reverse().map((o) => ({ ...o, records: [...o.records].reverse() }));
    expect(computeStar({ objects: reversed, coverage: 'all', match: 'title-artist' })).toEqual(star);
  });
});
