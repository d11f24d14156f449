import { type CatalogueSong, songKey } from './catalogue.ts';
import { DefectDraw, type DefectLabel, type DefectName, reasonOf } from './defects.ts';
import { jsonAscii, jsonDouble } from './json-text.ts';
import type { ResolvedSimulation } from './options.ts';
import { RandomStream } from './random.ts';

/** One file of the catalogue, with the record it holds for the warehouse, if it holds a readable one. */
export interface SongFile {
  readonly key: string;
  readonly content: Uint8Array;
  readonly label?: DefectLabel;
  readonly song?: CatalogueSong;
}

type Field = readonly [name: string, json: string];

function fieldsOf(song: CatalogueSong): Field[] {
  const coordinate = (value: number | null) => (value === null ? 'null' : jsonDouble(value));
  return [
    ['num_songs', '1'],
    ['artist_id', jsonAscii(song.artistId)],
    ['artist_latitude', coordinate(song.artistLatitude)],
    ['artist_longitude', coordinate(song.artistLongitude)],
    ['artist_location', jsonAscii(song.artistLocation)],
    ['artist_name', jsonAscii(song.artistName)],
    ['song_id', jsonAscii(song.songId)],
    ['title', jsonAscii(song.title)],
    ['duration', jsonDouble(song.duration)],
    ['year', String(song.year)],
  ];
}

function print(fields: readonly Field[], pretty = false): string {
  const parts = fields.map(([name, json]) => `"${name}": ${json}`);
  return pretty ? `{\n    ${parts.join(',\n    ')}\n}` : `{${parts.join(', ')}}`;
}

/** The text of a song's file. */
export function songText(song: CatalogueSong): string {
  return print(fieldsOf(song));
}

const REQUIRED = ['artist_id', 'artist_name', 'song_id', 'title', 'duration'] as const;

/** All files of the catalogue in order, the planted ones among them. */
export function* songFiles(songs: readonly CatalogueSong[], simulation: ResolvedSimulation): Generator<SongFile> {
  const draw = new DefectDraw(simulation.defects.rates, 'song');
  const random = new RandomStream(simulation.knobs.seed, 'song defects');
  let extra = 0;
  for (const song of songs) {
    const kind = draw.isEmpty ? undefined : draw.pick(random.next());
    if (kind === undefined) yield file(song, songText(song), song);
    else if (kind === 'song_duplicate' || kind === 'song_duplicate_differing') {
      yield file(song, songText(song), song);
      const differing = kind === 'song_duplicate_differing';
      const copy = {
        ...song,
        // A digit the catalogue's own track ids never end in keeps the copies apart.
        trackId: `${song.trackId.slice(0, 5)}ZZ13${(extra++).toString(16).toUpperCase().padStart(9, '0')}`,
        title: differing ? `${song.title} (Reissue)` : song.title,
        year: differing ? 2010 : song.year,
      };
      yield file(copy, songText(copy), copy, kind);
    } else yield spoiled(song, kind, random);
  }
}

function file(
  named: CatalogueSong,
  text: string,
  song: CatalogueSong | undefined,
  kind?: DefectName,
  column?: string,
): SongFile {
  const key = songKey(named.trackId);
  const content = Buffer.from(text, 'latin1');
  if (kind === undefined) return { key, content, ...(song && { song }) };
  const label = { key, line: 1, ordinal: 0, kind, reason: reasonOf(kind) ?? null, column: column ?? null };
  return { key, content, label, ...(song && { song }) };
}

function spoiled(song: CatalogueSong, kind: DefectName, random: RandomStream): SongFile {
  const fields = fieldsOf(song);
  const replaced = (name: string, json: string) =>
    print(fields.map((field) => (field[0] === name ? [name, json] : field)));
  switch (kind) {
    case 'song_pretty':
      return file(song, print(fields, true), song, kind);
    case 'song_unknown_field':
      return file(song, print([...fields, ['genre', '"unclassified"']]), song, kind);
    case 'song_cut': {
      const text = print(fields);
      return file(song, text.slice(0, 20 + random.below(text.length - 21)), undefined, kind);
    }
    case 'song_bad_utf8':
      return file(song, replaced('title', `"${asciiOf(song.title)}\xff"`), undefined, kind);
    case 'song_lone_surrogate':
      return file(song, replaced('title', `"${asciiOf(song.title)}\\udc00"`), undefined, kind);
    case 'song_wrong_type':
      return random.chance(0.5)
        ? file(song, replaced('duration', `"${song.duration}"`), undefined, kind, 'duration')
        : file(song, replaced('year', '1999.5'), undefined, kind, 'year');
    default: {
      const column = random.pick(REQUIRED);
      const text = print(fields.filter(([name]) => name !== column));
      return file(song, text, undefined, 'song_missing_required', column);
    }
  }
}

function asciiOf(text: string): string {
  return text.replace(/[^ -~]|["\\]/g, '');
}
