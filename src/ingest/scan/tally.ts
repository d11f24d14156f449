import type { TakenLines } from '../kernel/kernel.ts';
import type { PositionStep, QuarantinedRecord, QuarantineReason } from '../staged.ts';
import type { Shape } from './fast-path.ts';
import { NO_DRIFT, NO_POSITIONS } from './part.ts';
import type { RecordReader } from './record.ts';
import type { ScanSpec } from './spec.ts';

/** What was found in one object, without its identity. */
export interface ObjectTotals {
  readonly read: number;
  readonly staged: number;
  readonly quarantined: readonly Omit<QuarantinedRecord, 'object'>[];
  readonly minEventMs: number | undefined;
  readonly maxEventMs: number | undefined;
  readonly positions: readonly PositionStep[];
  readonly drift: {
    readonly unknown: Readonly<Record<string, number>>;
    readonly missing: Readonly<Record<string, number>>;
  };
}

/** Distinct unknown fields that are counted by name; further ones are left out, so that drift stays small. */
const MAX_UNKNOWN_NAMES = 1000;

const NONE: never[] = [];

/** Counts the records of one object. Every record is counted exactly once, as taken or as quarantined. */
export class Tally {
  readonly #spec: ScanSpec;
  staged = 0;
  minEventMs = Number.POSITIVE_INFINITY;
  maxEventMs = Number.NEGATIVE_INFINITY;
  // Made when they are needed: most objects of a hundred thousand small ones need none of them.
  #quarantined: Omit<QuarantinedRecord, 'object'>[] = NONE;
  #positions: PositionStep[] | undefined;
  #drift: { readonly unknown: Map<string, number>; readonly missing: Map<string, number> } | undefined;
  /** Of the last step: how far ordinal and line are ahead of the row. */
  #ordinalAhead = 0;
  #lineAhead = 1;

  constructor(spec: ScanSpec) {
    this.#spec = spec;
  }

  /** Notes where the record taken next stands; free to be called only after an irregularity. */
  at(line: number): void {
    const ordinal = this.staged + this.#quarantined.length;
    if (ordinal - this.staged === this.#ordinalAhead && line - this.staged === this.#lineAhead) return;
    this.#ordinalAhead = ordinal - this.staged;
    this.#lineAhead = line - this.staged;
    this.#positions ??= [];
    this.#positions.push({ row: this.staged, ordinal, line });
  }

  /** Takes a record that the slow path read. */
  take(reader: RecordReader): void {
    this.staged++;
    if (!Number.isNaN(reader.eventMs)) this.event(reader.eventMs);
    for (const name of reader.unknown) this.#count('unknown', name, 1);
    for (const column of reader.missing) this.#count('missing', this.#fieldOf(column), 1);
  }

  /** Takes the lines of a shape, of which the first stands at `line`. */
  takeLines(shape: Shape, { records, minEventMs, maxEventMs }: TakenLines, line: number): void {
    this.at(line);
    this.staged += records;
    shape.records += records;
    if (minEventMs < this.minEventMs) this.minEventMs = minEventMs;
    if (maxEventMs > this.maxEventMs) this.maxEventMs = maxEventMs;
  }

  event(ms: number): void {
    if (ms < this.minEventMs) this.minEventMs = ms;
    if (ms > this.maxEventMs) this.maxEventMs = ms;
  }

  reject(line: number, reason: QuarantineReason, detail: string, raw: Uint8Array, column?: string): void {
    const ordinal = this.staged + this.#quarantined.length;
    const record = { ordinal, line, reason, detail, raw: Uint8Array.from(raw) };
    if (this.#quarantined === NONE) this.#quarantined = [];
    this.#quarantined.push(column === undefined ? record : { ...record, column });
  }

  /** Counts the drift of the records that a shape took. */
  shape(shape: Shape): void {
    if (shape.records === 0) return;
    for (const name of shape.unknown) this.#count('unknown', name, shape.records);
    for (const column of shape.missing) this.#count('missing', this.#fieldOf(column), shape.records);
    shape.records = 0;
  }

  totals(): ObjectTotals {
    const { minEventMs, maxEventMs } = this;
    return {
      read: this.staged + this.#quarantined.length,
      staged: this.staged,
      quarantined: this.#quarantined,
      minEventMs: minEventMs <= maxEventMs ? minEventMs : undefined,
      maxEventMs: minEventMs <= maxEventMs ? maxEventMs : undefined,
      positions: this.#positions ?? NO_POSITIONS,
      drift:
        this.#drift === undefined
          ? NO_DRIFT
          : { unknown: Object.fromEntries(this.#drift.unknown), missing: Object.fromEntries(this.#drift.missing) },
    };
  }

  #fieldOf(column: number): string {
    return this.#spec.columns[column]!.path.join('.');
  }

  #count(kind: 'unknown' | 'missing', name: string, n: number): void {
    this.#drift ??= { unknown: new Map(), missing: new Map() };
    const counts = this.#drift[kind];
    const before = counts.get(name);
    if (before === undefined && counts.size >= MAX_UNKNOWN_NAMES) return;
    counts.set(name, (before ?? 0) + n);
  }
}
