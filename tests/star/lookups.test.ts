import fc from 'fast-check';
import { expect, it } from 'vitest';
import sparkify from '../../pipelines/sparkify/index.ts';
import { type ResolvedPipeline, resolvePipeline } from '../../src/pipeline/define.ts';
import type { OrderBy } from '../../src/pipeline/tables.ts';
import { event, NOV_1, november, song, stagingOf } from '../quality/small-sparkify.ts';
import { SmallWarehouse } from '../quality/small-warehouse.ts';

interface Candidate {
  readonly id: string;
  readonly title: string;
  readonly artist: string;
  readonly duration: number;
}
interface Play {
  readonly title: string | null;
  readonly artist: string | null;
  readonly length: number | null;
}

/** The lookup of the plays, with what it should find worked out by hand. */
interface Rule {
  readonly match: 'title-artist' | 'strict';
  readonly orderBy?: readonly OrderBy[];
  readonly before: (a: Candidate, b: Candidate, play: Play) => number;
}

const byId = (a: Candidate, b: Candidate): number => (a.id < b.id ? -1 : 1);
const away = (c: Candidate, p: Play): number =>
  p.length === null ? Number.POSITIVE_INFINITY : Math.abs(c.duration - p.length);
const nearest: Rule['before'] = (a, b, play) =>
  away(a, play) === away(b, play) ? byId(a, b) : away(a, play) - away(b, play);

const rules: readonly Rule[] = [
  { match: 'title-artist', before: nearest },
  { match: 'strict', before: nearest },
  {
    match: 'title-artist',
    orderBy: [{ sql: 'song.duration', descending: true }],
    // What the declared order leaves open is settled by the columns that are used, here the artist and then the id.
    before: (a, b) => b.duration - a.duration || byId(a, b),
  },
];

function pipelineOf({ match, orderBy }: Rule): ResolvedPipeline {
  const pipeline = resolvePipeline(sparkify, { logData: '/logs', songData: '/songs', match });
  const tables = pipeline.tables.map((t) =>
    t.kind !== 'fact' || orderBy === undefined ? t : { ...t, lookups: t.lookups.map((l) => ({ ...l, orderBy })) },
  );
  return { ...pipeline, tables };
}

const titles = fc.constantFrom('Blue', 'Red');
const artists = fc.constantFrom('Ann', "O'Neil");
const catalogue = fc
  .array(fc.record({ title: titles, artist: artists, duration: fc.integer({ min: 1, max: 4 }) }), { maxLength: 12 })
  .map((all) => all.map((c, i): Candidate => ({ ...c, id: `SO${String(i).padStart(2, '0')}` })));
const plays = fc.array(
  fc.record({
    title: fc.option(titles, { freq: 8 }),
    artist: fc.option(artists, { freq: 8 }),
    length: fc.option(fc.integer({ min: 0, max: 5 }), { freq: 8 }),
  }),
  { minLength: 1, maxLength: 12 },
);

it('a play finds the first of its candidates by the declared order, be there none, one or several', async () => {
  await fc.assert(
    fc.asyncProperty(catalogue, plays, fc.constantFrom(...rules), async (songs, played, rule) => {
      const pipeline = pipelineOf(rule);
      const warehouse = await SmallWarehouse.open(pipeline);
      try {
        const records = songs.map((s) => song(s.id, s.title, s.artist, { duration: s.duration }));
        const events = played.map((p, i) =>
          event(NOV_1 + i, i, 0, { song: p.title, artist: p.artist, length: p.length }),
        );
        const incoming = [
          ...(await warehouse.stage(stagingOf(pipeline, 'staging_songs'), [{ uri: 'file:///songs', records }])),
          ...(await warehouse.stage(stagingOf(pipeline, 'staging_events'), [{ uri: 'file:///e', records: events }])),
        ];
        await warehouse.publish(await warehouse.begin({ incoming, interval: november(1) }));
        const found = await warehouse.session.all<{ song_id: string | null; artist_id: string | null }>(
          'select song_id, artist_id from songplays order by session_id',
        );
        const expected = played.map((play) => {
          const [first] = songs
            .filter((s) => s.title === play.title && s.artist === play.artist)
            .filter((s) => rule.match !== 'strict' || s.duration === play.length)
            .sort((a, b) => rule.before(a, b, play));
          return { song_id: first?.id ?? null, artist_id: first === undefined ? null : `AR${first.artist}` };
        });
        expect(found).toEqual(expected);
      } finally {
        warehouse.close();
      }
    }),
    { numRuns: 40 },
  );
});
