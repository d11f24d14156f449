/** V and C of the incremental world, with the bugs that live there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { splitRecords } from './layout.ts';
import { isListed, kindOf, type PublishRequest, type Span } from './model.ts';
import type { PlantedBug } from './planted-bugs.ts';
import { type EventRecord, readEvent, readSong, type SongRecord } from './reference.ts';

/** A record with its provenance; `load` grows with every version taken. */
export type Placed<T> = T & { readonly uri: string; readonly ordinal: number; readonly load: number };
export type PlacedEvent = Placed<EventRecord>;
export type PlacedSong = Placed<SongRecord>;

export interface Version {
  readonly text: string;
  readonly events: readonly PlacedEvent[];
  readonly songs: readonly PlacedSong[];
}

export interface Taken {
  readonly added: readonly Version[];
  readonly retired: readonly Version[];
  readonly before: readonly Span[];
  readonly after: readonly Span[];
}

const ALL: Span = { startMs: Number.NEGATIVE_INFINITY, endMs: Number.POSITIVE_INFINITY };

function listTree(dir: string): Map<string, string> {
  const paths = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((p) => p.endsWith('.json'));
  return new Map(paths.map((p) => [p, readFileSync(join(dir, p), 'utf8')]));
}

export class PlantedStore {
  readonly versions = new Map<string, Version>();
  coverage: readonly Span[] = [];
  readonly #seen = new Set<string>();
  readonly #dir: string;
  readonly #bug: PlantedBug | undefined;
  #loads = 0;

  constructor(dir: string, bug: PlantedBug | undefined) {
    this.#dir = dir;
    this.#bug = bug;
  }

  covers(spans: readonly Span[], ts: number): boolean {
    return spans.some((s) => s.startMs <= ts && (ts < s.endMs || (this.#bug === 'end is inclusive' && ts === s.endMs)));
  }

  #read(uri: string, text: string): Version {
    const load = this.#loads++;
    const records = splitRecords(text.replace(/^\ufeff/, ''));
    if (kindOf(uri) === 'events') {
      return { text, songs: [], events: records.map((r, ordinal) => ({ ...readEvent(r), uri, ordinal, load })) };
    }
    const taken = this.#bug === 'only the first record' ? records.slice(0, 1) : records;
    return { text, events: [], songs: taken.map((r, ordinal) => ({ ...readSong(r), uri, ordinal, load })) };
  }

  #isLoaded(uri: string, text: string): boolean {
    const known = this.versions.get(uri);
    if (known?.text === text) return true;
    if (this.#bug === 'version is the size' && known?.text.length === text.length) return true;
    return this.#bug === 'reverted version ignored' && this.#seen.has(`${uri} ${text}`);
  }

  #isSelected(uri: string, interval: Span | undefined): boolean {
    if (this.#bug !== 'no neighbouring days' || interval === undefined || kindOf(uri) === 'songs')
      return isListed(uri, interval);
    const day = Date.parse(/\d{4}-\d{2}-\d{2}/.exec(uri)![0]);
    return day < interval.endMs && interval.startMs < day + 86_400_000;
  }

  /** Brings V and C up to a publish, and says what went and came. */
  take(request: PublishRequest): Taken {
    const { interval } = request;
    const tree = listTree(this.#dir);
    const added: Version[] = [];
    const retired: Version[] = [];
    for (const [uri, text] of tree) {
      if (!this.#isSelected(uri, interval) || this.#isLoaded(uri, text)) continue;
      const old = this.versions.get(uri);
      if (old !== undefined && this.#bug === 'old versions stay') this.versions.set(`${uri}#${this.#loads}`, old);
      else if (old !== undefined) retired.push(old);
      const version = this.#read(uri, text);
      this.#seen.add(`${uri} ${text}`);
      this.versions.set(uri, version);
      added.push(version);
    }
    const prunes = (request.prune && this.#bug !== 'prune does nothing') || this.#bug === 'gone objects are retracted';
    for (const [uri, version] of prunes ? [...this.versions] : []) {
      if (tree.has(uri) || uri.includes('#')) continue;
      if (!this.#isSelected(uri, interval) && this.#bug !== 'prune reaches everywhere') continue;
      this.versions.delete(uri);
      retired.push(version);
    }
    const before = this.coverage;
    const isNothing = added.length === 0 && retired.length === 0;
    if (!(isNothing && this.#bug === 'nothing new, nothing covered')) this.coverage = [...before, interval ?? ALL];
    return { added, retired, before, after: this.coverage };
  }
}
