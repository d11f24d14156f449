import type { ScanSpec } from './spec.ts';
import type { JsonSyntax } from './syntax.ts';

const WORD_NULL = 0x6c6c756e;
const WORD_TRUE = 0x65757274;
const WORD_ALSE = 0x65736c61;

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
  readonly #kinds: Uint8Array;
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
    this.#required = Uint8Array.from(columns, (c) => (c?.required === true ? 1 : 0));
    this.#min = Float64Array.from(columns, (c) => c?.min ?? Number.NEGATIVE_INFINITY);
    this.#max = Float64Array.from(columns, (c) => c?.max ?? Number.POSITIVE_INFINITY);
    this.#event = fields.findIndex((f) => f.column >= 0 && f.column === spec.eventColumn);
  }

  /**
   * The position behind the record at `p` when it is of this shape and every value is plainly valid; −1 when it needs a
   * closer look, whatever the reason. Looks at up to SLACK_BYTES behind `end`, which must hold a NUL.
   */
  match(bytes: Buffer, view: DataView, syntax: JsonSyntax, p: number, oneLine: boolean): number {
    const words = this.#words;
    const lengths = this.#lengths;
    const kinds = this.#kinds;
    const count = kinds.length;
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
        if (k === this.#event) this.eventMs = Number.NaN;
        continue;
      }
      switch (kinds[k]) {
        case TEXT: {
          if (first !== 0x22) return -1;
          p++;
          for (;;) {
            // Four bytes at a time: is one of them a quote, a backslash or a control character?
            const x = view.getInt32(p, true);
            const q = x ^ 0x22222222;
            const b = x ^ 0x5c5c5c5c;
            const m = (((q - 0x01010101) & ~q) | ((b - 0x01010101) & ~b) | ((x - 0x20202020) & ~x)) & 0x80808080;
            if (m === 0) {
              p += 4;
              continue;
            }
            // Borrows only reach higher bytes: the lowest mark is exact.
            p += (31 - Math.clz32(m & -m)) >> 3;
            const c = bytes[p]!;
            if (c === 0x22) break;
            if (c !== 0x5c) return -1;
            p = plainEscape(bytes, p);
            if (p < 0) return -1;
          }
          p++;
          break;
        }
        case INTEGER: {
          const negative = first === 0x2d;
          if (negative) p++;
          const start = p;
          let value = 0;
          let digit = bytes[p]! - 48;
          while (digit >= 0 && digit <= 9) {
            value = value * 10 + digit;
            digit = bytes[++p]! - 48;
          }
          const n = p - start;
          if (n === 0 || n > 15 || (n > 1 && bytes[start] === 0x30)) return -1;
          if (digit === -2 && bytes[p + 1] === 0x30) {
            p += 2;
            digit = bytes[p]! - 48;
            if (digit >= 0 && digit <= 9) return -1;
          }
          // "." or an exponent
          if (digit === -2 || digit === 21 || digit === 53) return -1;
          if (negative) value = -value;
          if (value < this.#min[k]! || value > this.#max[k]!) return -1;
          if (k === this.#event) this.eventMs = value;
          break;
        }
        case DOUBLE: {
          const start = p;
          if (first === 0x2d) p++;
          const whole = p;
          let digit = bytes[p]! - 48;
          while (digit >= 0 && digit <= 9) digit = bytes[++p]! - 48;
          if (p === whole || (p - whole > 1 && bytes[whole] === 0x30)) return -1;
          if (digit === -2) {
            const fraction = ++p;
            digit = bytes[p]! - 48;
            while (digit >= 0 && digit <= 9) digit = bytes[++p]! - 48;
            if (p === fraction) return -1;
          }
          if (digit === 21 || digit === 53 || p - start > 40) return -1;
          if (this.#min[k]! > Number.NEGATIVE_INFINITY || this.#max[k]! < Number.POSITIVE_INFINITY) {
            const value = Number(bytes.toString('latin1', start, p));
            if (value < this.#min[k]! || value > this.#max[k]!) return -1;
          }
          break;
        }
        case INTEGER_TEXT: {
          if (first !== 0x22) return -1;
          if (bytes[++p] === 0x2d) {
            if (bytes[++p] === 0x22) return -1;
          }
          const start = p;
          let c = bytes[p]!;
          while (c >= 0x30 && c <= 0x39) c = bytes[++p]!;
          if (c !== 0x22 || p - start > 18) return -1;
          p++;
          break;
        }
        case BOOLEAN: {
          if (first === 0x74) {
            if (view.getInt32(p, true) !== WORD_TRUE) return -1;
            p += 4;
          } else {
            if (first !== 0x66 || view.getInt32(p + 1, true) !== WORD_ALSE) return -1;
            p += 5;
          }
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

/** The position behind the escape of a character, also as a surrogate pair; −1 for NUL, lone surrogates and no escape. */
function plainEscape(bytes: Buffer, p: number): number {
  switch (bytes[p + 1]) {
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return p + 2;
    case 0x75: {
      const unit = hexUnit(bytes, p + 2);
      if (unit <= 0) return -1;
      if (unit < 0xd800 || unit > 0xdfff) return p + 6;
      if (unit > 0xdbff || bytes[p + 6] !== 0x5c || bytes[p + 7] !== 0x75) return -1;
      const second = hexUnit(bytes, p + 8);
      return second >= 0xdc00 && second <= 0xdfff ? p + 12 : -1;
    }
    default:
      return -1;
  }
}

function hexUnit(bytes: Buffer, p: number): number {
  let unit = 0;
  for (let i = p; i < p + 4; i++) {
    const c = bytes[i]!;
    if (c >= 0x30 && c <= 0x39) unit = unit * 16 + c - 0x30;
    else if ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66) unit = unit * 16 + (c | 0x20) - 0x57;
    else return -1;
  }
  return unit;
}
