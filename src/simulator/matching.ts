import type { CatalogueSong } from './catalogue.ts';
import { compareText } from './json-text.ts';

/** What a play is joined to. `strict`: the duration is equal too. */
export interface SongMatch {
  readonly songId: string;
  readonly artistId: string;
  readonly strict: boolean;
}

export interface ArtistRow {
  readonly artist_id: string;
  readonly name: string;
  readonly location: string | null;
  readonly latitude: number | null;
  readonly longitude: number | null;
}

/** The catalogue as the warehouse must see it: what reached it in readable files, one winner a song. */
export class KnownSongs {
  private readonly winners = new Map<string, CatalogueSong>();
  private byName: Map<string, CatalogueSong[]> | undefined;

  /** A record of a readable file. Of several with one song_id the lowest (title, artist_id) wins. */
  add(song: CatalogueSong): void {
    const known = this.winners.get(song.songId);
    const order =
      known === undefined ? -1 : compareText(song.title, known.title) || compareText(song.artistId, known.artistId);
    if (order < 0) this.winners.set(song.songId, song);
    this.byName = undefined;
  }

  get count(): number {
    return this.winners.size;
  }

  songs(): CatalogueSong[] {
    return [...this.winners.values()].sort((a, b) => compareText(a.songId, b.songId));
  }

  /** One row an artist: coordinates first, then a location, then the lowest (name, song_id). */
  artists(): ArtistRow[] {
    const best = new Map<string, CatalogueSong>();
    for (const song of this.winners.values()) {
      const known = best.get(song.artistId);
      if (known === undefined || compareForArtist(song, known) < 0) best.set(song.artistId, song);
    }
    return [...best.values()]
      .sort((a, b) => compareText(a.artistId, b.artistId))
      .map((song) => ({
        artist_id: song.artistId,
        name: song.artistName,
        location: song.artistLocation === '' ? null : song.artistLocation,
        latitude: song.artistLatitude,
        longitude: song.artistLongitude,
      }));
  }

  /** The song with equal title and artist: the nearest duration, then the lowest song_id. */
  match(title: string, artistName: string, length: number): SongMatch | undefined {
    this.byName ??= this.index();
    const candidates = this.byName.get(`${title}\u0000${artistName}`);
    if (candidates === undefined) return undefined;
    let best: CatalogueSong | undefined;
    let bestDistance = 0;
    for (const song of candidates) {
      const distance = Math.abs(song.duration - length);
      if (best === undefined || distance < bestDistance) {
        best = song;
        bestDistance = distance;
      }
    }
    return best && { songId: best.songId, artistId: best.artistId, strict: bestDistance === 0 };
  }

  private index(): Map<string, CatalogueSong[]> {
    const byName = new Map<string, CatalogueSong[]>();
    for (const song of this.songs()) {
      const key = `${song.title}\u0000${song.artistName}`;
      const list = byName.get(key);
      if (list === undefined) byName.set(key, [song]);
      else list.push(song);
    }
    return byName;
  }
}

function compareForArtist(a: CatalogueSong, b: CatalogueSong): number {
  const rank = (song: CatalogueSong) => (song.artistLatitude === null ? 2 : 0) + (song.artistLocation === '' ? 1 : 0);
  return rank(a) - rank(b) || compareText(a.artistName, b.artistName) || compareText(a.songId, b.songId);
}
