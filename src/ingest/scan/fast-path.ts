import type { BooleanColumn } from '../columns/boolean-column.ts';
import type { DoubleColumn } from '../columns/double-column.ts';
import type { IntegerColumn } from '../columns/integer-column.ts';
import type { RecordColumn, RecordColumns } from '../columns/record-columns.ts';
import type { TextColumn } from '../columns/text-column.ts';
import type { ScanSpec } from './spec.ts';
import type { JsonSyntax } from './syntax.ts';

const WORD_NULL = 0x6c6c756e;

const TEXT = 0;
const INTEGER = 1;
const DOUBLE = 2;
const BOOLEAN = 3;
const INTEGER_TEXT = 4;
const UNKNOWN = 5;

/** Bytes behind the scanned text that may be looked at: words of four are read over its end. */
export const SLACK_BYTES = 16;

/** A field of the shape: the literal bytes before its value (`,"auth":` with the writer's own spacing) and what may follow. */
export interface ShapeField {
  readonly glue: Buffer;
  /** Index into the spec's columns, −1 for a field no column wants. */
  readonly column: number;
}

/** All that records of one writer have in common: the same fields in the same order with the same spacing. */
export class Shape {
  readonly fields: readonly ShapeField[];
  /** From behind the last value up to and with the `}`. */
  readonly tail: Buffer;
  /** Unknown fields and absent optional columns are those of every record of the shape. */
  readonly unknown: readonly string[];
  readonly missing: readonly number[];
  records = 0;
  readonly #target: RecordColumns;
  readonly #kinds: Uint8Array;
  /** By field; undefined for a field no column wants. The same once more by type, where only those of the type are asked for. */
  readonly #columns: readonly (RecordColumn | undefined)[];
  readonly #texts: readonly TextColumn[];
  readonly #integers: readonly IntegerColumn[];
  readonly #doubles: readonly DoubleColumn[];
  readonly #booleans: readonly BooleanColumn[];
  /** Columns that no field is for. */
  readonly #absent: readonly RecordColumn[];
  readonly #required: Uint8Array;
  readonly #lengths: Int32Array;
  readonly #words: Int32Array;
  readonly #min: Float64Array;
  readonly #max: Float64Array;
  readonly #event: number;
  /** Event time of the record that `match` took last. */
  eventMs = Number.NaN;

  constructor(
    spec: ScanSpec,
    target: RecordColumns,
    fields: readonly ShapeField[],
    tail: Buffer,
    rest: { readonly unknown: readonly string[]; readonly missing: readonly number[] },
  ) {
    this.fields = fields;
    this.tail = tail;
    this.unknown = rest.unknown;
    this.missing = rest.missing;
    const words: number[] = [];
    for (const { glue } of fields) {
      // The last word overlaps, so that a glue of any length (at least 4) is compared in whole words.
      for (let i = 0; i < glue.length - 4; i += 4) words.push(glue.readInt32LE(i));
      words.push(glue.readInt32LE(glue.length - 4));
    }
    this.#words = Int32Array.from(words);
    this.#lengths = Int32Array.from(fields, (f) => f.glue.length);
    const columns = fields.map((f) => spec.columns[f.column]);
    this.#kinds = Uint8Array.from(columns, (c) => {
      if (c === undefined) return UNKNOWN;
      if (c.type === 'text') return c.integerText ? INTEGER_TEXT : TEXT;
      return { integer: INTEGER, double: DOUBLE, boolean: BOOLEAN }[c.type];
    });
    this.#target = target;
    this.#columns = fields.map((f) => target.columns[f.column]);
    this.#texts = this.#columns as TextColumn[];
    this.#integers = this.#columns as IntegerColumn[];
    this.#doubles = this.#columns as DoubleColumn[];
    this.#booleans = this.#columns as BooleanColumn[];
    this.#absent = target.columns.filter((_, i) => fields.every((f) => f.column !== i));
    this.#required = Uint8Array.from(columns, (c) => (c?.required === true ? 1 : 0));
    this.#min = Float64Array.from(columns, (c) => c?.min ?? Number.NEGATIVE_INFINITY);
    this.#max = Float64Array.from(columns, (c) => c?.max ?? Number.POSITIVE_INFINITY);
    this.#event = fields.findIndex((f) => f.column >= 0 && f.column === spec.eventColumn);
  }

  /**
   * The position behind the record at `p` when it is of this shape and every value is plainly valid; −1 when it needs a
   * closer look, whatever the reason. Its values stand at the columns' current row then, for whoever takes it. Looks at up
   * to SLACK_BYTES behind `end`, which must hold a NUL.
   */
  match(bytes: Buffer, view: DataView, syntax: JsonSyntax, p: number, oneLine: boolean): number {
    const words = this.#words;
    const lengths = this.#lengths;
    const kinds = this.#kinds;
    const count = kinds.length;
    const { row } = this.#target;
    let w = 0;
    for (let k = 0; k < count; k++) {
      const last = p + lengths[k]! - 4;
      for (; p < last; p += 4) if (view.getInt32(p, true) !== words[w++]) return -1;
      if (view.getInt32(last, true) !== words[w++]) return -1;
      p = last + 4;
      const first = bytes[p]!;
      if (first === 0x6e) {
        if (this.#required[k] === 1 || view.getInt32(p, true) !== WORD_NULL) return -1;
        p += 4;
        this.#columns[k]?.setNull(row);
        if (k === this.#event) this.eventMs = Number.NaN;
        continue;
      }
      switch (kinds[k]) {
        case TEXT: {
          p = this.#texts[k]!.take(bytes, view, p, row);
          if (p < 0) return -1;
          break;
        }
        case INTEGER: {
          const column = this.#integers[k]!;
          p = column.take(bytes, p, row);
          if (p < 0) return -1;
          const value = column.values[row]!;
          if (value < this.#min[k]! || value > this.#max[k]!) return -1;
          if (k === this.#event) this.eventMs = value;
          break;
        }
        case DOUBLE: {
          const column = this.#doubles[k]!;
          p = column.take(bytes, p, row);
          if (p < 0) return -1;
          const value = column.values[row]!;
          if (value < this.#min[k]! || value > this.#max[k]!) return -1;
          break;
        }
        case INTEGER_TEXT: {
          if (!isIntegerText(bytes, p)) return -1;
          p = this.#texts[k]!.take(bytes, view, p, row);
          break;
        }
        case BOOLEAN: {
          p = this.#booleans[k]!.take(bytes, view, p, row);
          if (p < 0) return -1;
          break;
        }
        default: {
          const start = p;
          p = syntax.value(p, 1);
          if (p < 0) return -1;
          if (oneLine && (first === 0x7b || first === 0x5b) && hasNewline(bytes, start, p)) return -1;
        }
      }
    }
    const { tail } = this;
    for (let i = 0; i < tail.length; i++) if (bytes[p++] !== tail[i]) return -1;
    for (const column of this.#absent) column.setNull(row);
    return p;
  }

  /** Whether records of the other shape look the same between their values. */
  equals(other: Shape): boolean {
    const { fields } = this;
    return (
      fields.length === other.fields.length &&
      this.tail.equals(other.tail) &&
      fields.every((f, i) => f.glue.equals(other.fields[i]!.glue))
    );
  }
}

function hasNewline(bytes: Buffer, start: number, end: number): boolean {
  const at = bytes.indexOf(0x0a, start);
  return at >= 0 && at < end;
}

/** Whether the value at `p` is a text that is empty or a whole number of at most 18 digits. */
function isIntegerText(bytes: Buffer, p: number): boolean {
  if (bytes[p++] !== 0x22) return false;
  const negative = bytes[p] === 0x2d;
  if (negative) p++;
  const start = p;
  while (bytes[p]! >= 0x30 && bytes[p]! <= 0x39) p++;
  return bytes[p] === 0x22 && p - start <= 18 && !(negative && p === start);
}
