/** Histories as plans of small numbers, which fast-check draws and shrinks; `histories.ts` unfolds them. */
import fc from 'fast-check';
import { BASES, eventSeed, type RecordSeed, songSeed, WINDOW_DAYS } from './material.ts';

export type Change =
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
export interface Edit {
  readonly do: (typeof EDITS)[number];
  readonly index: number;
  readonly event: RecordSeed;
  readonly song: RecordSeed;
  readonly mask: number;
}

export interface IntervalPlan {
  readonly kind: 'all' | 'hour' | 'day' | 'half' | 'days' | 'odd';
  readonly slot: number;
  readonly length: number;
}

export interface Round {
  readonly changes: readonly Change[];
  readonly interval: IntervalPlan;
  readonly prune: boolean;
  readonly after: readonly ('again' | 'compact' | 'rebuild' | 'reopen')[];
}

export interface Plan {
  readonly baseMs: number;
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
  /** First moment of the window of five days, a midnight. @default one of three, two of them at the turn of a year */
  readonly baseMs?: number;
}

/** One log file a day, and a few song files. */
export const FILES = WINDOW_DAYS + 4;

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
    do: fc.constantFrom(...EDITS, 'rival', 'backdate'),
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
  const flip = fc.record({
    do: fc.constant('edit' as const),
    file: fc.nat(WINDOW_DAYS - 1),
    edits: fc.tuple(edit.map((e) => ({ ...e, do: 'flip' as const }))),
    layout: fc.constant(null),
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
      { weight: 3, arbitrary: revert },
      { weight: 1, arbitrary: flip },
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

/** Plans of 3–8 publishes over objects of 1–12 records. Half of them cover everything from the start. */
export function planArbitrary(options: HistoryOptions): fc.Arbitrary<Plan> {
  const { first, later } = changeArbitrary(options);
  const minLength = Math.max(1, options.minRounds ?? 3);
  const rest = fc.array(roundArbitrary(later, 0, 4), {
    minLength: minLength - 1,
    maxLength: Math.max(minLength, options.maxRounds ?? 8) - 1,
  });
  const plan: fc.Arbitrary<Plan> = fc
    .record({
      baseMs: fc.constantFrom(...(options.baseMs === undefined ? BASES : [options.baseMs])),
      strict: fc.nat(3).map((n) => n === 3),
      wide: fc.boolean(),
      opening: roundArbitrary(first, 3, 7),
      rest,
    })
    .map(({ opening, rest: rounds, ...head }) => ({ ...head, rounds: [opening, ...rounds] }));
  // Without fast-check's bias toward small values, which would make the early histories thin.
  return fc.noBias(plan);
}
