/** The orders of winners of the incremental world, with the bugs that live there. */
import { compareBytes } from './canonical.ts';
import type { PlantedBug } from './planted-bugs.ts';
import type { PlacedEvent, PlacedSong } from './planted-store.ts';

export type Order<T> = (a: T, b: T) => number;

const dictionary = new Intl.Collator('en');
const ignoringCase = new Intl.Collator('en', { sensitivity: 'base' });

export interface PlantedOrders {
  /** Text against text. */
  readonly text: Order<string>;
  readonly event: Order<PlacedEvent>;
  /** The last one is the user's. */
  readonly user: Order<PlacedEvent>;
  readonly song: Order<PlacedSong>;
  readonly artist: Order<PlacedSong>;
  equalText(a: string | null, b: string): boolean;
}

export function plantedOrders(bug: PlantedBug | undefined): PlantedOrders {
  const text: Order<string> =
    bug === 'order by UTF-16'
      ? (a, b) => (a < b ? -1 : a > b ? 1 : 0)
      : bug === 'order by locale'
        ? (a, b) => dictionary.compare(a, b)
        : compareBytes;
  const place: Order<PlacedSong> = (a, b) => Number(!a.location) - Number(!b.location);
  const coordinates: Order<PlacedSong> = (a, b) => Number(a.latitude === null) - Number(b.latitude === null);
  return {
    text,
    event: (a, b) => {
      if (bug === 'duplicate by object order') return text(a.uri, b.uri) || a.ordinal - b.ordinal;
      if (bug === 'duplicate by load order') return b.load - a.load || b.ordinal - a.ordinal;
      if (bug === 'duplicate by hash only') return text(a.hash, b.hash);
      return a.ts - b.ts || (bug === 'duplicate by ts only' ? a.load - b.load : text(a.hash, b.hash));
    },
    user: (a, b) => {
      if (a.ts !== b.ts || bug === 'users by ts only') return a.ts - b.ts;
      if (a.item !== b.item || bug === 'users without session tie') return a.item - b.item;
      return a.sessionId - b.sessionId || text(a.hash, b.hash);
    },
    song: (a, b) => {
      if (bug === 'songs by load order') return b.load - a.load || b.ordinal - a.ordinal;
      return text(a.title, b.title) || text(a.artistId, b.artistId) || compareBytes(a.hash, b.hash);
    },
    artist: (a, b) => {
      if (bug === 'artist by load order') return a.load - b.load || a.ordinal - b.ordinal;
      const first = bug === 'artist place before coordinates' ? place(a, b) : coordinates(a, b);
      return first || place(a, b) || coordinates(a, b) || text(a.artistName, b.artistName) || text(a.songId, b.songId);
    },
    equalText: (a, b) => a === b || (bug === 'match ignores case' && a !== null && ignoringCase.compare(a, b) === 0),
  };
}
