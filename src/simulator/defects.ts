import { z } from 'zod';
import type { QuarantineReason } from '../ingest/staged.ts';

/** What a defect does to the record it is planted in. `reason`: it must end in quarantine, for that reason. */
export interface DefectKind {
  readonly scope: 'event' | 'log_file' | 'song';
  readonly reason?: QuarantineReason;
  /** Rate under `--defects all`: share of the events, of the log files, or of the songs. */
  readonly rate: number;
  readonly doc: string;
}

const event = (rate: number, doc: string, reason?: QuarantineReason): DefectKind => ({
  scope: 'event',
  rate,
  doc,
  ...(reason === undefined ? {} : { reason }),
});
const file = (rate: number, doc: string): DefectKind => ({ scope: 'log_file', rate, doc });
const song = (rate: number, doc: string, reason?: QuarantineReason): DefectKind => ({
  scope: 'song',
  rate,
  doc,
  ...(reason === undefined ? {} : { reason }),
});

/** Every kind of defect the simulator can plant, by the name it is labelled with. */
export const DEFECT_KINDS = {
  duplicate: event(0.001, 'The same event once more, in the same file'),
  duplicate_other_file: event(0.001, 'The same event once more, in a later file'),
  duplicate_differing: event(
    0.0005,
    'Its key once more in the same file, with a later ts and other contents; it loses',
  ),
  duplicate_differing_other_file: event(0.0005, 'The same, in a later file'),
  late_event: event(0.001, 'The event stands only in the file of a later day'),
  out_of_order: event(0.002, 'The event stands some lines after its place'),
  double_encoded: event(
    0.02,
    'Artist and song are UTF-8 taken for Latin-1, twice (only where a letter is beyond ASCII)',
  ),
  artist_variant: event(0.005, 'The artist is written in another way'),
  duration_drift: event(0.005, 'The length is up to 3 s off the duration of the song'),
  quoted_agent: event(0.005, 'A user agent that is usually bare is wrapped in quotes'),
  unknown_field: event(0.002, 'A field the staging does not know'),
  missing_optional: event(0.002, 'registration, method or status is left out'),
  cut_line: event(0.0006, 'The line ends early', 'malformed_json'),
  two_objects: event(0.0004, 'Two objects on one line', 'several_values_on_a_line'),
  nan: event(0.0004, 'NaN where a number stands', 'malformed_json'),
  bad_utf8: event(0.0004, 'A byte that is no UTF-8', 'invalid_utf8'),
  raw_nul: event(0.0004, 'A NUL byte within a text', 'nul_character'),
  escaped_nul: event(0.0004, '\\u0000 within a text', 'nul_character'),
  lone_surrogate: event(0.0004, 'Half of a surrogate pair', 'lone_surrogate'),
  text_before: event(0.0004, 'Text before the object', 'text_outside_json'),
  text_after: event(0.0004, 'Text after the object', 'text_outside_json'),
  not_an_object: event(0.0004, 'A JSON value that is no object', 'not_an_object'),
  duplicate_field: event(0.0004, 'A field twice, with two values', 'duplicate_field'),
  fraction_for_integer: event(0.0004, '1.7 for an integer', 'wrong_type'),
  text_for_integer: event(0.0004, '"12" for an integer', 'wrong_type'),
  boolean_for_integer: event(0.0004, 'true for an integer', 'wrong_type'),
  object_for_text: event(0.0004, 'An object for a text', 'wrong_type'),
  number_for_text: event(0.0004, 'A number for a text', 'wrong_type'),
  user_id_text: event(0.0004, 'A userId that is no integer', 'wrong_type'),
  ts_out_of_range: event(0.0004, 'A ts outside 2000–2100', 'out_of_range'),
  session_out_of_range: event(0.0004, 'A sessionId too large for a songplay_id', 'out_of_range'),
  missing_required: event(0.0004, 'ts, page, sessionId, itemInSession or level is left out', 'missing_field'),
  missing_file: file(0.01, 'No file for the day: its events never arrive'),
  blank_lines: file(0.04, 'Blank lines between the records'),
  crlf: file(0.04, 'Lines end in CRLF'),
  bom: file(0.04, 'The file begins with a byte order mark'),
  gzip: file(0.04, 'The file is compressed, its key ends in .gz'),
  final_newline: file(0.04, 'The file ends in a newline'),
  song_pretty: song(0.02, 'Printed over several lines'),
  song_unknown_field: song(0.005, 'A field the staging does not know'),
  song_duplicate: song(0.005, 'The same song once more, under another track'),
  song_duplicate_differing: song(0.005, 'The same song_id under another track with a later title; it loses'),
  song_cut: song(0.002, 'The file ends early', 'malformed_json'),
  song_bad_utf8: song(0.002, 'A byte that is no UTF-8', 'invalid_utf8'),
  song_lone_surrogate: song(0.002, 'Half of a surrogate pair', 'lone_surrogate'),
  song_wrong_type: song(0.002, 'A text for the duration or a fraction for the year', 'wrong_type'),
  song_missing_required: song(0.002, 'song_id, title, artist_id, artist_name or duration is left out', 'missing_field'),
} as const satisfies Readonly<Record<string, DefectKind>>;

export type DefectName = keyof typeof DEFECT_KINDS;

export interface DefectRates {
  readonly rates: Readonly<Record<DefectName, number>>;
  /** Largest share of a log file's records that may be planted for quarantine, at any point of the file. */
  readonly maxQuarantineShare: number;
  /** Late events and copies in other files come up to so many days later. */
  readonly maxLateDays: number;
}

const names = Object.keys(DEFECT_KINDS) as DefectName[];
const rate = z.number().min(0).max(1);

/** `'none'`, `'all'` (every kind at its own rate), or an object of rates by kind; kinds left out are not planted. */
export const defectsSchema = z.union([
  z.enum(['none', 'all']),
  z.strictObject({
    ...(Object.fromEntries(names.map((name) => [name, rate.optional()])) as Record<
      DefectName,
      z.ZodOptional<typeof rate>
    >),
    /** @default 0.04: below the share that stops a run */
    maxQuarantineShare: rate.optional(),
    /** @default 3 */
    maxLateDays: z.number().int().min(1).max(365).optional(),
  }),
]);

export function resolveDefects(input: z.infer<typeof defectsSchema>): DefectRates {
  const given = typeof input === 'string' ? {} : input;
  const rates = Object.fromEntries(
    names.map((name) => [name, input === 'all' ? DEFECT_KINDS[name].rate : (given[name] ?? 0)]),
  ) as Record<DefectName, number>;
  return { rates, maxQuarantineShare: given.maxQuarantineShare ?? 0.04, maxLateDays: given.maxLateDays ?? 3 };
}

/** Draws at most one defect of a scope for each record or file. */
export class DefectDraw {
  private readonly kinds: DefectName[] = [];
  private readonly below: number[] = [];

  constructor(rates: DefectRates['rates'], scope: DefectKind['scope']) {
    let sum = 0;
    for (const name of names)
      if (DEFECT_KINDS[name].scope === scope && rates[name] > 0) {
        sum += rates[name];
        this.kinds.push(name);
        this.below.push(sum * 4_294_967_296);
      }
  }

  get isEmpty(): boolean {
    return this.kinds.length === 0;
  }

  pick(draw: number): DefectName | undefined {
    const last = this.below.length - 1;
    if (last < 0 || draw >= (this.below[last] as number)) return undefined;
    for (let i = 0; i <= last; i++) if (draw < (this.below[i] as number)) return this.kinds[i];
    return undefined;
  }
}

export function reasonOf(name: DefectName): QuarantineReason | undefined {
  const kind: DefectKind = DEFECT_KINDS[name];
  return kind.reason;
}

/** What was planted where: one line of `truth-defects.ndjson`. */
export interface DefectLabel {
  /** Key of the object below the output's root. */
  readonly key: string;
  /** Physical line from 1, in the decompressed text; null: the whole object. */
  readonly line: number | null;
  /** Number of the record in its object, from 0; null: the whole object. */
  readonly ordinal: number | null;
  readonly kind: DefectName;
  /** Why the record must be in quarantine; null: it must be read. */
  readonly reason: QuarantineReason | null;
  /** Staging column the reason names; null: none. */
  readonly column: string | null;
}
