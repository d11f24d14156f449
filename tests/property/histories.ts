/**
 * Random histories of a small tree of objects: written, edited, copied, reverted, deleted; published by all kinds of
 * intervals; compacted, rebuilt, reopened in between. A history is drawn as a plan of small numbers, which shrinks well,
 * and unfolded to concrete steps, which can be read.
 */
import type fc from 'fast-check';
import { objectText } from './layout.ts';
import { DAY_MS, HOUR_MS, type RecordSeed, recordText, WINDOW_DAYS } from './material.ts';
import { kindOf, logPath, type PublishRequest, type Span } from './model.ts';
import {
  type Change,
  type Edit,
  FILES,
  type HistoryOptions,
  type IntervalPlan,
  type Plan,
  planArbitrary,
} from './plan.ts';
import type { Match } from './reference.ts';

export type { HistoryOptions } from './plan.ts';

export type Step =
  | { readonly do: 'write'; readonly path: string; readonly records: readonly string[]; readonly text: string }
  | { readonly do: 'delete'; readonly path: string }
  | ({ readonly do: 'publish' } & PublishRequest)
  | { readonly do: 'compact' }
  | { readonly do: 'rebuild' }
  | { readonly do: 'reopen' };

export interface History {
  readonly match: Match;
  readonly steps: readonly Step[];
}

/** Histories of 3–8 publishes over objects of 1–12 records. Half of them cover everything from the start. */
export function historyArbitrary(options: HistoryOptions = {}): fc.Arbitrary<History> {
  return planArbitrary(options).map(unfold);
}

function spanOf(plan: IntervalPlan, baseMs: number, wide: boolean): Span | undefined {
  const windowEndMs = baseMs + WINDOW_DAYS * DAY_MS;
  if (wide) return plan.slot % 2 === 0 ? undefined : { startMs: baseMs - DAY_MS, endMs: windowEndMs + DAY_MS };
  const halfMs = baseMs + plan.slot * 12 * HOUR_MS;
  const dayMs = baseMs + Math.floor(plan.slot / 2) * DAY_MS;
  switch (plan.kind) {
    case 'all':
      return undefined;
    case 'hour':
      return { startMs: halfMs, endMs: halfMs + HOUR_MS };
    case 'day':
      return { startMs: dayMs, endMs: dayMs + DAY_MS };
    case 'half':
      return { startMs: halfMs, endMs: halfMs + plan.length * 12 * HOUR_MS };
    case 'days':
      return { startMs: dayMs, endMs: dayMs + plan.length * DAY_MS };
    case 'odd':
      return { startMs: halfMs + 1, endMs: halfMs + plan.length * 8 * HOUR_MS + 796 };
  }
}

/** An object while a history unfolds: its seeds, and its earlier versions for `revert`. */
interface Draft {
  readonly day: number;
  seeds: readonly RecordSeed[];
  layout: number;
  readonly past: { readonly seeds: readonly RecordSeed[]; readonly layout: number }[];
}

function altered(old: RecordSeed, fresh: RecordSeed, mask: number): RecordSeed {
  if (old.kind !== fresh.kind || old.kind === 'raw') return fresh;
  const names = Object.keys(old).filter((name) => name !== 'kind');
  const taken = names.filter((_, i) => (mask >> i) & 1);
  // Half of the alterations keep the key, so that versions and copies of one event or song differ in contents only.
  const keepsKey = (mask >> 15) % 2 === 0;
  const key = ['session', 'item', 'id'];
  const source = fresh as unknown as Record<string, number>;
  const changed = taken.filter((n) => !(keepsKey && key.includes(n))).map((n) => [n, source[n]]);
  return { ...old, ...Object.fromEntries(changed) } as RecordSeed;
}

/** To the first moment of the window, before most others, or half a day back. */
const earlier = (slot: number, mask: number): number => (mask % 2 === 0 ? 0 : slot < 0 ? -2 : Math.max(0, slot - 1));

/** Another event of the same user at the same moment, or another song of the same title and artist. */
function rivalOf(old: RecordSeed, fresh: RecordSeed, mask: number): RecordSeed {
  if (old.kind === 'event' && fresh.kind === 'event') {
    const apart = mask % 3 !== 0 ? { session: fresh.session } : { item: fresh.item };
    return { ...old, ...apart, level: 1 - old.level, name: fresh.name };
  }
  if (old.kind === 'song' && fresh.kind === 'song') return { ...fresh, title: old.title, artist: old.artist };
  return fresh;
}

function edited(seeds: readonly RecordSeed[], edit: Edit, kind: 'events' | 'songs'): readonly RecordSeed[] {
  const fresh = kind === 'events' ? edit.event : edit.song;
  if (seeds.length === 0 || edit.do === 'add') return [...seeds, fresh];
  const index = edit.index % seeds.length;
  const seed = seeds[index]!;
  switch (edit.do) {
    case 'remove':
      return seeds.filter((_, i) => i !== index);
    case 'alter':
      return seeds.map((s, i) => (i === index ? altered(s, fresh, edit.mask) : s));
    case 'double':
      return edit.mask % 2 === 0 ? [...seeds, seed] : [altered(seed, fresh, edit.mask), ...seeds];
    case 'rival':
      return [...seeds, rivalOf(seed, fresh, edit.mask)];
    case 'backdate':
      return seeds.map((s, i) => (i === index && s.kind === 'event' ? { ...s, slot: earlier(s.slot, edit.mask) } : s));
    case 'flip':
      // As many bytes as before: only a look at the contents sees this.
      return seeds.map((s, i) => (i === index && s.kind === 'event' ? { ...s, level: 1 - s.level } : s));
    case 'reverse':
      return [...seeds].reverse();
  }
}

class Unfolding {
  readonly steps: Step[] = [];
  readonly #drafts = new Map<string, Draft>();
  readonly #lying = new Set<string>();
  readonly #baseMs: number;

  constructor(baseMs: number) {
    this.#baseMs = baseMs;
  }

  #path(file: number): string {
    if (file < WINDOW_DAYS) return logPath(this.#baseMs + file * DAY_MS);
    const letter = String.fromCharCode('A'.charCodeAt(0) + file - WINDOW_DAYS);
    return `song_data/A/B/${letter}/TRAB${letter}0000${file}.json`;
  }

  #write(file: number, seeds: readonly RecordSeed[], layout: number): void {
    const path = this.#path(file);
    const kind = kindOf(path);
    const draft = this.#drafts.get(path) ?? { day: file, seeds, layout, past: [] };
    draft.past.push({ seeds, layout });
    this.#drafts.set(path, Object.assign(draft, { seeds, layout }));
    this.#lying.add(path);
    const records = seeds.map((s) => recordText(s, this.#baseMs, file));
    this.steps.push({ do: 'write', path, records, text: objectText(kind, records, layout) });
  }

  /** The file meant, or the next one that lies there, so that few changes fall into the void. */
  #lyingFile(file: number): number | undefined {
    for (let i = 0; i < FILES; i++) if (this.#lying.has(this.#path((file + i) % FILES))) return (file + i) % FILES;
    return undefined;
  }

  apply(change: Change): void {
    if (change.do === 'put') {
      this.#write(change.file, change.seeds, change.layout);
      return;
    }
    if (change.do === 'revert') {
      const past = this.#drafts.get(this.#path(change.file))?.past ?? [];
      const version = past.at(-2 - change.back) ?? past[0];
      if (version !== undefined) this.#write(change.file, version.seeds, version.layout);
      return;
    }
    const file = this.#lyingFile(change.do === 'copy' ? change.from : change.file);
    if (file === undefined) return;
    const path = this.#path(file);
    const draft = this.#drafts.get(path)!;
    switch (change.do) {
      case 'edit': {
        const kind = kindOf(path);
        const seeds = change.edits.reduce((all, e) => edited(all, e, kind), draft.seeds);
        this.#write(file, seeds, change.layout ?? draft.layout);
        return;
      }
      case 'copy':
        this.#copy(file, change.to, change.count, change.mask, kindOf(path) === 'events' ? change.event : change.song);
        return;
      case 'delete':
        this.#lying.delete(path);
        this.steps.push({ do: 'delete', path });
        return;
      case 'touch':
        this.#write(file, draft.seeds, draft.layout);
        return;
    }
  }

  /** Puts records of one object into another of its kind: the same contents, or altered where `mask` says so. */
  #copy(from: number, to: number, count: number, mask: number, fresh: RecordSeed): void {
    const size = from < WINDOW_DAYS ? WINDOW_DAYS : FILES - WINDOW_DAYS;
    const target = (from < WINDOW_DAYS ? 0 : WINDOW_DAYS) + (to % size);
    const source = this.#drafts.get(this.#path(from))!;
    // A slot within the day of its file would move with the file: the copy is of the moment, so it is made absolute.
    const pinned = source.seeds
      .slice(0, count)
      .map((s) => (s.kind === 'event' && s.slot < 0 ? { ...s, slot: 2 * from + s.slot + 2 } : s));
    const copies = mask % 3 === 0 ? pinned : pinned.map((s) => altered(s, fresh, mask));
    const path = this.#path(target);
    const old = this.#lying.has(path) ? this.#drafts.get(path)!.seeds : [];
    this.#write(target, mask % 2 === 0 ? [...old, ...copies] : [...copies, ...old], mask);
  }
}

function unfold(plan: Plan): History {
  const { baseMs } = plan;
  const match: Match = plan.strict ? 'strict' : 'title-artist';
  const unfolding = new Unfolding(baseMs);
  for (const [i, round] of plan.rounds.entries()) {
    for (const change of round.changes) unfolding.apply(change);
    const span = spanOf(round.interval, baseMs, plan.wide && i === 0);
    const publish = { do: 'publish' as const, prune: round.prune, match, ...(span ? { interval: span } : {}) };
    unfolding.steps.push(publish);
    for (const after of round.after) unfolding.steps.push(after === 'again' ? publish : { do: after });
  }
  return { match, steps: unfolding.steps };
}
