import { decodeEscapes, escapeLength } from './escapes.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MIX = 0x9e3779b1 | 0;
/** From here on a native copy is quicker than a loop. */
const LONG_BYTES = 64;
const INITIAL_SLOTS = 1024;
const INITIAL_ENTRIES = 512;
const INITIAL_WORDS = 8192;
const MAX_KEPT_WORDS = 512 * 1024;
/** The bytes of a word in front of its first, second, third, fourth byte. */
const BEFORE = Int32Array.of(0, 0xff, 0xffff, 0xffffff);

/**
 * The values of a text column as a dictionary that grows: each distinct spelling between the quotes is kept once, in its
 * raw bytes, and a row holds its number. Nothing is decoded, and no string made, before the row group is written.
 */
export class TextColumn {
  readonly type = 'text';
  /** Per row: 0 for null, else the number of its spelling, from 1. */
  readonly ids: Int32Array;
  /** Distinct spellings. */
  count = 0;
  readonly #held: { sizeBytes: number };
  /** Open addressing; a slot is hash, coded length, first word, id. */
  #table = new Int32Array(4 * INITIAL_SLOTS);
  #shift = 32 - Math.log2(INITIAL_SLOTS);
  /** Spellings, each from a whole word on and filled up with zeros. */
  #words = new Int32Array(INITIAL_WORDS);
  #bytes: Buffer;
  #usedWords = 0;
  #starts = new Int32Array(INITIAL_ENTRIES);
  /** Length in bytes × 2, + 1 when there are escapes in it. */
  #lengths = new Int32Array(INITIAL_ENTRIES);

  /** `held` counts the bytes of distinct spellings. */
  constructor(rows: number, held: { sizeBytes: number }) {
    this.#held = held;
    this.ids = new Int32Array(rows);
    this.#bytes = Buffer.from(this.#words.buffer);
  }

  setNull(row: number): void {
    this.ids[row] = 0;
  }

  /**
   * Takes the JSON text that begins at `p` as the value of `row`: the position behind it, or −1 when it is no text or
   * holds a NUL, a control character, a lone surrogate or an unknown escape. UTF-8 is the caller's concern. Looks at up to
   * three bytes behind the text, and does not stop before a quote.
   */
  take(bytes: Buffer, view: DataView, p: number, row: number): number {
    if (bytes[p] !== QUOTE) return -1;
    const start = ++p;
    let hash = 0;
    let escaped = 0;
    for (;;) {
      // Four bytes at a time: is one of them a quote, a backslash or a control character?
      const x = view.getInt32(p, true);
      const q = x ^ 0x22222222;
      const b = x ^ 0x5c5c5c5c;
      const m = (((q - 0x01010101) & ~q) | ((b - 0x01010101) & ~b) | ((x - 0x20202020) & ~x)) & 0x80808080;
      if (m === 0) {
        hash = Math.imul(hash ^ x, MIX);
        p += 4;
        continue;
      }
      // Borrows only reach higher bytes: the lowest mark is exact.
      const n = (31 - Math.clz32(m & -m)) >> 3;
      hash = Math.imul(hash ^ (x & BEFORE[n]!), MIX);
      p += n;
      const c = bytes[p]!;
      if (c === QUOTE) break;
      if (c !== BACKSLASH) return -1;
      const length = escapeLength(bytes, p);
      if (length < 0) return -1;
      escaped = 1;
      hash = Math.imul(hash ^ bytes[p + length - 1]!, MIX);
      p += length;
    }
    this.ids[row] = this.#find(view, start, p - start, escaped, hash ^ (hash >>> 15));
    return p + 1;
  }

  #find(view: DataView, start: number, length: number, escaped: number, hash: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    const coded = length * 2 + escaped;
    const words = this.#words;
    const tail = length & 3;
    const last = start + length - tail;
    for (let slot = (Math.imul(hash ^ coded, MIX) >>> this.#shift) << 2; ; slot = (slot + 4) & mask) {
      const id = table[slot + 3]!;
      if (id === 0) return this.#insert(view, start, coded, hash, slot);
      if (table[slot] !== hash || table[slot + 1] !== coded) continue;
      let w = table[slot + 2]!;
      let p = start;
      while (p < last && words[w] === view.getInt32(p, true)) {
        p += 4;
        w++;
      }
      if (p === last && (tail === 0 || words[w] === (view.getInt32(p, true) & BEFORE[tail]!))) return id;
    }
  }

  #insert(view: DataView, start: number, coded: number, hash: number, slot: number): number {
    const id = ++this.count;
    const length = coded >> 1;
    const needed = (length + 3) >> 2;
    const from = this.#usedWords;
    if (from + needed > this.#words.length) {
      this.#words = grown(this.#words, from + needed);
      this.#bytes = Buffer.from(this.#words.buffer);
    }
    const words = this.#words;
    let w = from;
    let p = start;
    for (const last = start + (length & ~3); p < last; p += 4) words[w++] = view.getInt32(p, true);
    if ((length & 3) !== 0) words[w] = view.getInt32(p, true) & BEFORE[length & 3]!;
    this.#usedWords = from + needed;
    this.#held.sizeBytes += needed * 4;
    if (id >= this.#starts.length) {
      this.#starts = grown(this.#starts, id + 1);
      this.#lengths = grown(this.#lengths, id + 1);
    }
    this.#starts[id] = from;
    this.#lengths[id] = coded;
    const table = this.#table;
    table[slot] = hash;
    table[slot + 1] = coded;
    table[slot + 2] = from;
    table[slot + 3] = id;
    // Sparse enough to be quick, dense enough to stay in the processor's cache.
    if (id * 6 > table.length) this.#grow();
    return id;
  }

  #grow(): void {
    const before = this.#table;
    const table = new Int32Array(before.length * 2);
    const mask = table.length - 1;
    this.#shift -= 1;
    for (let from = 0; from < before.length; from += 4) {
      if (before[from + 3] === 0) continue;
      let slot = (Math.imul(before[from]! ^ before[from + 1]!, MIX) >>> this.#shift) << 2;
      while (table[slot + 3] !== 0) slot = (slot + 4) & mask;
      for (let i = 0; i < 4; i++) table[slot + i] = before[from + i]!;
    }
    this.#table = table;
  }

  /** An upper bound of a value's length in bytes. */
  room(id: number): number {
    return this.#lengths[id]! >> 1;
  }

  /** Puts the UTF-8 of a spelling's value into `out` from `at` on; gives the position behind it. */
  put(id: number, out: Uint8Array, at: number): number {
    const bytes = this.#bytes;
    const coded = this.#lengths[id]!;
    const from = this.#starts[id]! * 4;
    const length = coded >> 1;
    if ((coded & 1) === 1) return decodeEscapes(bytes, from, from + length, out, at);
    if (length > LONG_BYTES) {
      out.set(bytes.subarray(from, from + length), at);
      return at + length;
    }
    for (let i = 0; i < length; i++) out[at + i] = bytes[from + i]!;
    return at + length;
  }

  /** Forgets all values; large memory is let go. */
  clear(): void {
    this.count = 0;
    this.#usedWords = 0;
    // The next row group will need as much.
    if (this.#table.length > MAX_KEPT_WORDS) {
      this.#table = new Int32Array(4 * INITIAL_SLOTS);
      this.#shift = 32 - Math.log2(INITIAL_SLOTS);
    } else this.#table.fill(0);
    if (this.#words.length > MAX_KEPT_WORDS) {
      this.#words = new Int32Array(INITIAL_WORDS);
      this.#bytes = Buffer.from(this.#words.buffer);
    }
  }
}

function grown(array: Int32Array<ArrayBuffer>, needed: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(needed, array.length * 2));
  larger.set(array);
  return larger;
}
