/**
 * A second, incremental way to the star, in plain TypeScript: the test of the test. Without a bug it must agree with the
 * reference on every history; with any one bug planted, some history must show it.
 */
import { type Row, tableChecksum } from './canonical.ts';
import type { PublishRequest } from './model.ts';
import type { PlantedBug } from './planted-bugs.ts';
import { plantedOrders } from './planted-order.ts';
import { type PlacedEvent, type PlacedSong, PlantedStore, type Taken, type Version } from './planted-store.ts';
import { plantedTimeRow } from './planted-time.ts';
import { columnTypes, type Match, safeInteger, type TableName } from './reference.ts';
import type { World, WorldFactory } from './world.ts';

const keyOf = (e: PlacedEvent): string => `${e.sessionId}/${e.item}`;
const pairOf = (title: string | null, artist: string | null): string => `${title}\n${artist}`;

class PlantedWorld implements World {
  readonly engine: string;
  readonly #bug: PlantedBug | undefined;
  readonly #match: Match;
  readonly #store: PlantedStore;
  readonly #order: ReturnType<typeof plantedOrders>;
  /** Event winners, and what the star was derived to from them. */
  #events = new Map<string, PlacedEvent>();
  #songs = new Map<string, PlacedSong>();
  #plays = new Map<string, { readonly event: PlacedEvent; readonly rows: readonly Row[] }>();
  #users = new Map<string, PlacedEvent>();
  #artists = new Map<string, Row>();
  #time = new Set<number>();
  #lost = new Set<PlacedEvent>();

  constructor(dir: string, match: Match, bug: PlantedBug | undefined) {
    this.engine = bug === undefined ? 'incremental model' : `incremental model with "${bug}"`;
    this.#bug = bug;
    this.#match = match;
    this.#store = new PlantedStore(dir, bug);
    this.#order = plantedOrders(bug);
  }

  async publish(request: PublishRequest): Promise<void> {
    this.#derive(this.#store.take(request), request);
  }

  async rebuild(): Promise<void> {
    this.#events = new Map();
    this.#songs = new Map();
    this.#plays = new Map();
    this.#users = new Map();
    this.#artists = new Map();
    this.#time = new Set();
    const all = [{ startMs: Number.NEGATIVE_INFINITY, endMs: Number.POSITIVE_INFINITY }];
    const after = this.#bug === 'rebuild covers everything' ? all : this.#store.coverage;
    this.#derive({ added: [...this.#store.versions.values()], retired: [], before: [], after }, undefined);
  }

  async compact(): Promise<void> {
    if (this.#bug !== 'compaction drops losers') return;
    for (const e of this.#liveEvents()) if (this.#events.get(keyOf(e)) !== e) this.#lost.add(e);
  }

  async reopen(): Promise<void> {
    if (this.#bug === 'reopening forgets coverage') this.#store.coverage = [];
  }

  async dispose(): Promise<void> {}

  #liveEvents(): PlacedEvent[] {
    return [...this.#store.versions.values()].flatMap((v) => v.events).filter((e) => !this.#lost.has(e));
  }

  /** Takes V and C from one state to the next: songs, then events, then what follows from both. */
  #derive(taken: Taken, request: PublishRequest | undefined): void {
    const pairs = this.#deriveSongs(taken);
    const { gone, come } = this.#deriveEvents(taken, request);
    this.#deriveUsers(gone, come);
    const matched = this.#bug === 'late songs not matched' ? [] : this.#playsOf(pairs, request);
    for (const e of gone) this.#plays.delete(keyOf(e));
    for (const e of [...matched, ...come]) this.#setPlay(e);
    this.#deriveTime(gone, come);
  }

  /** Returns the pairs whose plays must be matched again. */
  #deriveSongs({ added, retired }: Taken): Set<string> {
    const byId = new Map<string, PlacedSong[]>();
    for (const s of [...this.#store.versions.values()].flatMap((v) => v.songs))
      byId.set(s.songId, [...(byId.get(s.songId) ?? []), s]);
    const ids = new Set([...added, ...retired].flatMap((v) => v.songs.map((s) => s.songId)));
    const artistIds = new Set<string>();
    const pairs = new Set<string>();
    for (const id of ids) {
      const old = this.#songs.get(id);
      const next = (byId.get(id) ?? []).sort(this.#order.song)[0];
      if (next === undefined && this.#bug === 'retired song kept') continue;
      if (old !== undefined && next !== undefined && this.#bug === 'first song wins') continue;
      if (next === undefined) this.#songs.delete(id);
      else this.#songs.set(id, next);
      if (next !== undefined) {
        artistIds.add(next.artistId);
        pairs.add(pairOf(next.title, next.artistName));
      }
      if (old !== undefined && this.#bug !== 'only new pairs matched') pairs.add(pairOf(old.title, old.artistName));
      if (old !== undefined && this.#bug !== 'old artist forgotten') artistIds.add(old.artistId);
    }
    for (const id of artistIds) this.#deriveArtist(id);
    return pairs;
  }

  #deriveArtist(id: string): void {
    const own = [...this.#songs.values()].filter((s) => s.artistId === id).sort(this.#order.artist);
    const [best] = own;
    if (best === undefined) {
      this.#artists.delete(id);
      return;
    }
    const placed = this.#bug === 'mixed artist columns' ? (own.find((s) => s.location) ?? best) : best;
    this.#artists.set(id, [id, best.artistName, this.#known(placed.location), best.latitude, best.longitude]);
  }

  #deriveEvents(
    taken: Taken,
    request: PublishRequest | undefined,
  ): { gone: readonly PlacedEvent[]; come: readonly PlacedEvent[] } {
    const { added, retired, before, after } = taken;
    const covers = (spans: Taken['after'], e: PlacedEvent): boolean => this.#store.covers(spans, e.ts);
    const live = this.#liveEvents();
    const isNew = new Set(added.flatMap((v: Version) => v.events));
    const arriving = live.filter((e) =>
      isNew.has(e)
        ? covers(after, e) || this.#bug === 'winner before coverage'
        : covers(after, e) && !covers(before, e) && this.#bug !== 'surviving objects ignored',
    );
    const interval = request?.interval;
    const incoming =
      this.#bug === 'coverage of the run only' && interval !== undefined
        ? arriving.filter((e) => covers([interval], e))
        : arriving;
    const outgoing = new Set(retired.flatMap((v) => v.events).filter((e) => covers(before, e)));
    const contenders = new Map<string, PlacedEvent[]>();
    for (const e of live) {
      if (this.#bug !== 'winner before coverage' && !covers(after, e)) continue;
      if (isNew.has(e) && !incoming.includes(e)) continue;
      contenders.set(keyOf(e), [...(contenders.get(keyOf(e)) ?? []), e]);
    }
    const gone: PlacedEvent[] = [];
    const come: PlacedEvent[] = [];
    for (const key of new Set([...incoming, ...outgoing].map(keyOf))) {
      const old = this.#events.get(key);
      const next = this.#winner(old, contenders.get(key) ?? [], new Set(incoming), outgoing);
      const inForce = next !== undefined && covers(after, next) ? next : undefined;
      if (inForce === undefined) this.#events.delete(key);
      else this.#events.set(key, inForce);
      if (old !== undefined && old.hash !== inForce?.hash) gone.push(old);
      if (inForce !== undefined && old?.hash !== inForce.hash) come.push(inForce);
    }
    return { gone, come };
  }

  #winner(
    old: PlacedEvent | undefined,
    contenders: readonly PlacedEvent[],
    incoming: ReadonlySet<PlacedEvent>,
    outgoing: ReadonlySet<PlacedEvent>,
  ): PlacedEvent | undefined {
    const isOut = old !== undefined && [...outgoing].some((e) => keyOf(e) === keyOf(old) && e.hash === old.hash);
    if (this.#bug === 'duplicates removed together' && isOut) return undefined;
    if (this.#bug === 'no demotion' && old !== undefined && contenders.includes(old)) return old;
    const pool = this.#bug === 'no promotion' && isOut ? contenders.filter((e) => incoming.has(e)) : contenders;
    return [...pool].sort(this.#order.event)[0];
  }

  #deriveUsers(gone: readonly PlacedEvent[], come: readonly PlacedEvent[]): void {
    const counts = (e: PlacedEvent): boolean =>
      e.userId !== '' && (this.#bug !== 'users of plays only' || e.page === 'NextSong');
    const greatest = (events: readonly PlacedEvent[]): PlacedEvent | undefined =>
      [...events].sort((a, b) => this.#order.user(b, a))[0];
    for (const id of new Set([...gone, ...come].filter(counts).map((e) => e.userId))) {
      const own = (e: PlacedEvent): boolean => e.userId === id && counts(e);
      const current = this.#users.get(id);
      const candidate = greatest(come.filter(own));
      const isGone = current === undefined || gone.some((e) => e.hash === current.hash && keyOf(e) === keyOf(current));
      const next = this.#nextUser(current, candidate, isGone, () => greatest([...this.#events.values()].filter(own)));
      if (next === undefined) this.#users.delete(id);
      else this.#users.set(id, next);
    }
  }

  #nextUser(
    current: PlacedEvent | undefined,
    candidate: PlacedEvent | undefined,
    isGone: boolean,
    recompute: () => PlacedEvent | undefined,
  ): PlacedEvent | undefined {
    if (this.#bug === 'last user loaded wins' && candidate !== undefined) return candidate;
    if (isGone) {
      if (this.#bug === 'stale user kept' && candidate === undefined && current !== undefined) return current;
      if (this.#bug === 'stale candidate taken' && candidate !== undefined) return candidate;
      return recompute();
    }
    if (candidate === undefined || current === undefined) return current;
    return this.#order.user(candidate, current) > 0 ? candidate : current;
  }

  #playsOf(pairs: ReadonlySet<string>, request: PublishRequest | undefined): PlacedEvent[] {
    const interval = this.#bug === 'matched within the run only' ? request?.interval : undefined;
    return [...this.#plays.values()]
      .map((p) => p.event)
      .filter((e) => pairs.has(pairOf(e.song, e.artist)) || this.#bug?.startsWith('match ') === true)
      .filter((e) => interval === undefined || this.#store.covers([interval], e.ts));
  }

  #candidates(e: PlacedEvent): PlacedSong[] {
    const isStrict = this.#match === 'strict' && this.#bug !== 'strict is ignored';
    const distance = (s: PlacedSong): number =>
      this.#bug === 'nearest duration ignored' || e.length === null ? 0 : Math.abs(e.length - s.duration);
    return [...this.#songs.values()]
      .filter((s) => this.#order.equalText(e.song, s.title))
      .filter((s) => this.#bug === 'match by title only' || this.#order.equalText(e.artist, s.artistName))
      .filter((s) => !isStrict || s.duration === e.length)
      .sort(
        (a, b) =>
          distance(a) - distance(b) || (this.#bug === 'tie by first seen' ? 0 : this.#order.text(a.songId, b.songId)),
      );
  }

  #setPlay(e: PlacedEvent): void {
    const key = keyOf(e);
    if (this.#events.get(key)?.hash !== e.hash || e.page !== 'NextSong') return;
    const songs = this.#candidates(e);
    if (e.userId === '' && this.#bug === 'plays without user dropped') return;
    if (songs.length === 0 && this.#bug === 'plays without song dropped') {
      this.#plays.delete(key);
      return;
    }
    const matches = this.#bug === 'plays multiplied' && songs.length > 0 ? songs : [songs[0]];
    this.#plays.set(key, { event: e, rows: matches.map((song) => this.#playRow(e, song)) });
  }

  #playRow(e: PlacedEvent, song: PlacedSong | undefined): Row {
    const id = BigInt(e.sessionId) * 2n ** 20n + BigInt(e.item);
    return [
      safeInteger(this.#bug === 'id as a double' ? BigInt(Number(id)) : id),
      e.ts,
      e.userId === '' ? null : Number(e.userId),
      e.level,
      song?.songId ?? null,
      song?.artistId ?? null,
      e.sessionId,
      this.#known(e.location),
      this.#bug === 'agent keeps its quotes' ? e.userAgent : (e.userAgent?.replace(/^"(.*)"$/su, '$1') ?? null),
    ];
  }

  #known(place: string | null): string | null {
    return place === '' && this.#bug !== 'empty is not unknown' ? null : place;
  }

  #deriveTime(gone: readonly PlacedEvent[], come: readonly PlacedEvent[]): void {
    const plays = [...this.#plays.values()].map((p) => p.event.ts);
    for (const { ts } of this.#bug === 'time rows stay' ? [] : gone)
      if (!plays.includes(ts) || this.#bug === 'shared moment removed') this.#time.delete(ts);
    for (const e of come) if (this.#plays.has(keyOf(e))) this.#time.add(e.ts);
  }

  async rows(table: TableName): Promise<readonly Row[]> {
    switch (table) {
      case 'songplays':
        return [...this.#plays.values()].flatMap((p) => p.rows);
      case 'users':
        return [...this.#users].map(([id, e]) => [Number(id), e.firstName, e.lastName, e.gender, e.level]);
      case 'songs':
        return [...this.#songs.values()].map((s) => [
          s.songId,
          s.title,
          s.artistId,
          s.year === 0 && this.#bug !== 'empty is not unknown' ? null : s.year,
          s.duration,
        ]);
      case 'artists':
        return [...this.#artists.values()];
      case 'time':
        return [...this.#time].map((ms) => plantedTimeRow(ms, this.#bug));
    }
  }

  async checksum(table: TableName): Promise<bigint> {
    return tableChecksum(await this.rows(table), columnTypes(table));
  }
}

/** The incremental world, honest without a bug. */
export function plantedWorld(bug?: PlantedBug): WorldFactory {
  return async (dir, { match }) => new PlantedWorld(dir, match, bug);
}
