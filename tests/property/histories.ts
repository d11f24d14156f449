/**
 * Random histories of a small tree of objects: written, edited, copied, reverted, deleted; published by all kinds of
 * intervals; compacted, rebuilt, reopened in between. A history is drawn as a plan of small numbers, which shrinks well,
 * and unfolded to concrete steps, which can be read.
 */
import fc from 'fast-check';
import { objectText } from './layout.ts';
import { BASES, DAY_MS, eventSeed, HOUR_MS, type RecordSeed, recordText, songSeed, WINDOW_DAYS } from './material.ts';
import { kindOf, logPath, type PublishRequest, type Span } from './model.ts';
import type { Match } from './reference.ts';

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

type Change =
  | { readonly do: 'put'; readonly file: number; readonly seeds: readonly RecordSeed[]; readonly layout: number }
  | { readonly do: 'edit'; readonly file: number; readonly edits: readonly Edit[]; readonly layout: number | null }
  | {
      readonly do: 'copy';
      readonly from: number;
      readonly to: number;
      readonly count: number;
      readonly mask: number;
      readonly event: RecordSeed;
      readonly song: RecordSeed;
    }
  | { readonly do: 'delete' | 'touch'; readonly file: number }
  | { readonly do: 'revert'; readonly file: number; readonly back: number };

const EDITS = ['add', 'remove', 'alter', 'double', 'rival', 'backdate', 'flip', 'reverse'] as const;

/** `mask` says which fields of an altered record are taken from the new seed. */
interface Edit {
  readonly do: (typeof EDITS)[number];
  readonly index: number;
  readonly event: RecordSeed;
  readonly song: RecordSeed;
  readonly mask: number;
}

interface IntervalPlan {
  readonly kind: 'all' | 'hour' | 'day' | 'half' | 'days' | 'odd';
  readonly slot: number;
  readonly length: number;
}

interface Round {
  readonly changes: readonly Change[];
  readonly interval: IntervalPlan;
  readonly prune: boolean;
  readonly after: readonly ('again' | 'compact' | 'rebuild' | 'reopen')[];
}

interface Plan {
  readonly base: number;
  readonly strict: boolean;
  readonly wide: boolean;
  readonly rounds: readonly Round[];
}

export interface HistoryOptions {
  /** @default 12 */
  readonly maxRecords?: number;
  /** Publishes, without repeats. @default 3 and 8 */
  readonly minRounds?: number;
  readonly maxRounds?: number;
  /** Real records to draw from beside the invented ones (raw JSON, `ts` of events within or without the window). */
  readonly events?: readonly string[];
  readonly songs?: readonly string[];
}

const FILES = WINDOW_DAYS + 4;

function changeArbitrary(options: HistoryOptions): { first: fc.Arbitrary<Change>; later: fc.Arbitrary<Change> } {
  const raw = (texts: readonly string[] | undefined): fc.WeightedArbitrary<RecordSeed>[] =>
    texts === undefined || texts.length === 0
      ? []
      : [{ weight: 3, arbitrary: fc.constantFrom(...texts).map((text) => ({ kind: 'raw' as const, text })) }];
  const event = fc.oneof({ weight: 1, arbitrary: eventSeed as fc.Arbitrary<RecordSeed> }, ...raw(options.events));
  const song = fc.oneof({ weight: 1, arbitrary: songSeed as fc.Arbitrary<RecordSeed> }, ...raw(options.songs));
  const maxLength = options.maxRecords ?? 12;
  const layout = fc.nat(11);
  const file = fc.nat(FILES - 1);
  const bit = fc.nat(15).map((n) => 1 << n);
  const mask = fc.oneof(
    fc.nat(0xffff),
    bit,
    fc.tuple(bit, bit).map(([a, b]) => 0x8000 | a | b),
  );
  const put = fc.oneof(
    fc.record({
      do: fc.constant('put' as const),
      file: fc.nat(WINDOW_DAYS - 1),
      seeds: fc.array(event, { minLength: 1, maxLength }),
      layout,
    }),
    fc.record({
      do: fc.constant('put' as const),
      file: fc.integer({ min: WINDOW_DAYS, max: FILES - 1 }),
      seeds: fc.array(song, { minLength: 1, maxLength: Math.min(4, maxLength) }),
      layout,
    }),
  );
  const edit = fc.record({
    do: fc.constantFrom(...EDITS),
    index: fc.nat(11),
    event,
    song,
    mask,
  });
  const edits = fc.record({
    do: fc.constant('edit' as const),
    file,
    edits: fc.array(edit, { minLength: 1, maxLength: 3 }),
    layout: fc.option(layout, { freq: 3 }),
  });
  const copy = fc.record({
    do: fc.constant('copy' as const),
    from: file,
    to: file,
    count: fc.integer({ min: 1, max: 4 }),
    mask,
    event,
    song,
  });
  const gone = fc.record({ do: fc.constantFrom('delete' as const, 'delete' as const, 'touch' as const), file });
  const revert = fc.record({ do: fc.constant('revert' as const), file, back: fc.nat(3) });
  return {
    first: put,
    later: fc.oneof(
      { weight: 4, arbitrary: put },
      { weight: 5, arbitrary: edits },
      { weight: 3, arbitrary: copy },
      { weight: 3, arbitrary: gone },
      { weight: 2, arbitrary: revert },
    ),
  };
}

const interval: fc.Arbitrary<IntervalPlan> = fc.record({
  kind: fc.oneof(
    { weight: 1, arbitrary: fc.constant('all' as const) },
    { weight: 2, arbitrary: fc.constant('hour' as const) },
    { weight: 5, arbitrary: fc.constant('day' as const) },
    { weight: 3, arbitrary: fc.constant('half' as const) },
    { weight: 4, arbitrary: fc.constant('days' as const) },
    { weight: 2, arbitrary: fc.constant('odd' as const) },
  ),
  slot: fc.nat(2 * WINDOW_DAYS - 1),
  length: fc.integer({ min: 1, max: 4 }),
});

function roundArbitrary(change: fc.Arbitrary<Change>, min: number, max: number): fc.Arbitrary<Round> {
  const after = fc.constantFrom('again' as const, 'compact' as const, 'rebuild' as const, 'reopen' as const);
  return fc.record({
    changes: fc.array(change, { minLength: min, maxLength: max }),
    interval,
    prune: fc.nat(2).map((n) => n === 2),
    after: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 2, arbitrary: fc.array(after, { minLength: 1, maxLength: 2 }) },
    ),
  });
}

/** Histories of 3–8 publishes over objects of 1–12 records. Half of them cover everything from the start. */
export function historyArbitrary(options: HistoryOptions = {}): fc.Arbitrary<History> {
  const { first, later } = changeArbitrary(options);
  const minLength = Math.max(1, options.minRounds ?? 3);
  const rest = fc.array(roundArbitrary(later, 0, 4), {
    minLength: minLength - 1,
    maxLength: Math.max(minLength, options.maxRounds ?? 8) - 1,
  });
  const plan: fc.Arbitrary<Plan> = fc
    .record({
      base: fc.nat(BASES.length - 1),
      strict: fc.nat(3).map((n) => n === 3),
      wide: fc.boolean(),
      opening: roundArbitrary(first, 3, 7),
      rest,
    })
    .map(({ opening, rest: rounds, ...head }) => ({ ...head, rounds: [opening, ...rounds] }));
  // Without fast-check's bias toward small values, which would make the early histories thin.
  return fc.noBias(plan).map(unfold);
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

/** Half a day before, never out of the day or the window. */
const earlier = (slot: number): number => (slot < 0 ? -2 : Math.max(0, slot - 1));

/** Another event of the same user at the same moment, or another song of the same title and artist. */
function rivalOf(old: RecordSeed, fresh: RecordSeed, mask: number): RecordSeed {
  if (old.kind === 'event' && fresh.kind === 'event') {
    const apart = mask % 2 === 0 ? { session: fresh.session } : { item: fresh.item };
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
      return seeds.map((s, i) => (i === index && s.kind === 'event' ? { ...s, slot: earlier(s.slot) } : s));
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
  const baseMs = BASES[plan.base]!;
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
