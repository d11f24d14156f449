import type { QuarantineReason } from '../staged.ts';
import { MAX_DEPTH } from './spec.ts';

/** Why a text is no JSON value, and where. */
export interface SyntaxFault {
  readonly reason: QuarantineReason;
  /** Index into the buffer. */
  readonly at: number;
  readonly detail: string;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * A strict RFC 8259 reader over bytes: it finds where values end and builds nothing. Methods take the position of a
 * value and give the position behind it, or −1 with `fault` set; nothing at or behind `end` is looked at.
 */
export class JsonSyntax {
  bytes: Buffer;
  end = 0;
  fault: SyntaxFault | undefined;
  /** The fault is that the text ends too early: more bytes could mend it. */
  incomplete = false;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Reads from other bytes from now on. */
  use(bytes: Buffer): void {
    this.bytes = bytes;
  }

  fail(reason: QuarantineReason, at: number, detail: string): -1 {
    this.fault = { reason, at, detail };
    this.incomplete = at >= this.end;
    return -1;
  }

  /** The first position from `p` on that is no JSON whitespace, at most `end`. */
  space(p: number): number {
    const { bytes, end } = this;
    while (p < end) {
      const c = bytes[p]!;
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break;
      p++;
    }
    return p;
  }

  value(p: number, depth: number): number {
    if (p >= this.end) return this.fail('malformed_json', p, 'a value is missing: the text ends');
    const c = this.bytes[p]!;
    switch (c) {
      case QUOTE:
        return this.string(p);
      case 0x7b:
        return this.object(p, depth);
      case 0x5b:
        return this.array(p, depth);
      case 0x74:
        return this.word(p, 'true');
      case 0x66:
        return this.word(p, 'false');
      case 0x6e:
        return this.word(p, 'null');
      default:
        if (c === 0x2d || (c >= 0x30 && c <= 0x39)) return this.number(p);
        return this.unexpected(p, 'a value');
    }
  }

  unexpected(p: number, wanted: string): -1 {
    if (p >= this.end) return this.fail('malformed_json', p, `${wanted} is missing: the text ends`);
    const c = this.bytes[p]!;
    if (c === 0) return this.fail('nul_character', p, 'a NUL byte');
    const shown = c > 0x20 && c < 0x7f ? `"${String.fromCharCode(c)}"` : `byte 0x${c.toString(16).padStart(2, '0')}`;
    return this.fail('malformed_json', p, `${shown} where ${wanted} is expected`);
  }

  word(p: number, word: string): number {
    for (let i = 1; i < word.length; i++) {
      if (p + i >= this.end || this.bytes[p + i] !== word.charCodeAt(i)) {
        return this.fail('malformed_json', p + i, `a word that is not ${word}`);
      }
    }
    return p + word.length;
  }

  number(p: number): number {
    const { bytes, end } = this;
    if (bytes[p] === 0x2d) p++;
    const first = p;
    p = this.digits(p);
    if (p === first) return p >= end ? this.unexpected(p, 'a digit') : this.unexpected(p, 'a digit');
    if (p - first > 1 && bytes[first] === 0x30)
      return this.fail('malformed_json', first, 'a number with a leading zero');
    if (p < end && bytes[p] === 0x2e) {
      const fraction = p + 1;
      p = this.digits(fraction);
      if (p === fraction) return this.unexpected(p, 'a digit');
    }
    if (p < end && (bytes[p] === 0x65 || bytes[p] === 0x45)) {
      p++;
      if (p < end && (bytes[p] === 0x2b || bytes[p] === 0x2d)) p++;
      const exponent = p;
      p = this.digits(exponent);
      if (p === exponent) return this.unexpected(p, 'a digit');
    }
    return p;
  }

  private digits(p: number): number {
    const { bytes, end } = this;
    while (p < end && bytes[p]! >= 0x30 && bytes[p]! <= 0x39) p++;
    return p;
  }

  string(p: number): number {
    const { bytes, end } = this;
    p++;
    while (p < end) {
      const c = bytes[p]!;
      if (c === QUOTE) return p + 1;
      if (c < 0x20) {
        if (c === 0) return this.fail('nul_character', p, 'a NUL byte');
        if (c === 0x0a || c === 0x0d) return this.fail('malformed_json', p, 'the line ends inside a string');
        return this.fail(
          'malformed_json',
          p,
          `a raw control character 0x${c.toString(16).padStart(2, '0')} in a string`,
        );
      }
      if (c === BACKSLASH) {
        p = this.escape(p);
        if (p < 0) return -1;
      } else p++;
    }
    return this.fail('malformed_json', p, 'the text ends inside a string');
  }

  private escape(p: number): number {
    if (p + 1 >= this.end) return this.fail('malformed_json', this.end, 'the text ends inside a string');
    const c = this.bytes[p + 1]!;
    if (c !== 0x75) {
      return '"\\/bfnrt'.includes(String.fromCharCode(c))
        ? p + 2
        : this.fail('malformed_json', p, 'an unknown escape in a string');
    }
    const unit = this.hex(p + 2);
    if (unit < 0) return -1;
    if (unit === 0) return this.fail('nul_character', p, 'the escape \\u0000');
    if (unit < 0xd800 || unit > 0xdfff) return p + 6;
    if (unit > 0xdbff) return this.fail('lone_surrogate', p, 'the second half of a surrogate pair alone');
    if (p + 7 < this.end && this.bytes[p + 6] === BACKSLASH && this.bytes[p + 7] === 0x75) {
      const second = this.hex(p + 8);
      if (second < 0) return -1;
      if (second >= 0xdc00 && second <= 0xdfff) return p + 12;
    } else if (p + 7 >= this.end) {
      return this.fail('malformed_json', this.end, 'the text ends inside a string');
    }
    return this.fail('lone_surrogate', p, 'the first half of a surrogate pair alone');
  }

  private hex(p: number): number {
    let unit = 0;
    for (let i = p; i < p + 4; i++) {
      if (i >= this.end) return this.fail('malformed_json', i, 'the text ends inside a string');
      const c = this.bytes[i]!;
      const digit =
        c >= 0x30 && c <= 0x39 ? c - 0x30 : (c | 0x20) >= 0x61 && (c | 0x20) <= 0x66 ? (c | 0x20) - 0x57 : -1;
      if (digit < 0) return this.fail('malformed_json', i, 'an escape \\u without four hexadecimal digits');
      unit = unit * 16 + digit;
    }
    return unit;
  }

  private array(p: number, depth: number): number {
    if (depth >= MAX_DEPTH) return this.fail('malformed_json', p, `nested deeper than ${MAX_DEPTH} levels`);
    p = this.space(p + 1);
    if (p < this.end && this.bytes[p] === 0x5d) return p + 1;
    for (;;) {
      p = this.value(p, depth + 1);
      if (p < 0) return -1;
      p = this.space(p);
      if (p >= this.end || (this.bytes[p] !== 0x2c && this.bytes[p] !== 0x5d)) return this.unexpected(p, '"," or "]"');
      if (this.bytes[p] === 0x5d) return p + 1;
      p = this.space(p + 1);
    }
  }

  /** `field`, where given, hears the spans of each key (with quotes) and value; it gives false to stop with its own fault. */
  object(
    p: number,
    depth: number,
    field?: (key: number, keyEnd: number, value: number, valueEnd: number) => void,
  ): number {
    if (depth >= MAX_DEPTH) return this.fail('malformed_json', p, `nested deeper than ${MAX_DEPTH} levels`);
    const { bytes } = this;
    p = this.space(p + 1);
    if (p < this.end && bytes[p] === 0x7d) return p + 1;
    for (;;) {
      if (p >= this.end || bytes[p] !== QUOTE) return this.unexpected(p, 'a field name');
      const key = p;
      const keyEnd = this.string(p);
      if (keyEnd < 0) return -1;
      p = this.space(keyEnd);
      if (p >= this.end || bytes[p] !== 0x3a) return this.unexpected(p, '":"');
      const value = this.space(p + 1);
      p = this.value(value, depth + 1);
      if (p < 0) return -1;
      field?.(key, keyEnd, value, p);
      p = this.space(p);
      if (p >= this.end || (bytes[p] !== 0x2c && bytes[p] !== 0x7d)) return this.unexpected(p, '"," or "}"');
      if (bytes[p] === 0x7d) return p + 1;
      p = this.space(p + 1);
    }
  }
}
