const MIX = 0x9e3779b1 | 0;
const INITIAL_SLOTS = 4096;

/** Numbers doubles by their bits, so that −0 and 0 are two. */
export class DoubleDictionary {
  /** Open addressing; a slot is the low and the high half and the number, from 1. */
  #table = new Int32Array(4 * INITIAL_SLOTS);
  #shift = 32 - Math.log2(INITIAL_SLOTS);
  #halves = new Int32Array(2 * INITIAL_SLOTS);
  #count = 0;

  /**
   * Puts into `ids` the numbers, from 0, of the first `count` values; gives how many are distinct, or 0 (and `ids` is of
   * no use) when they are more than `most`.
   */
  number(values: Float64Array, count: number, ids: Int32Array, most: number): number {
    this.#clear();
    const halves = new Int32Array(values.buffer, values.byteOffset, 2 * count);
    for (let i = 0; i < count; i++) {
      const id = this.#find(halves[2 * i]!, halves[2 * i + 1]!);
      if (id > most) return 0;
      ids[i] = id - 1;
    }
    return this.#count;
  }

  #find(low: number, high: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    for (let slot = (hashOf(low, high) >>> this.#shift) << 2; ; slot = (slot + 4) & mask) {
      const id = table[slot + 2]!;
      if (id === 0) return this.#insert(slot, low, high);
      if (table[slot] === low && table[slot + 1] === high) return id;
    }
  }

  /** The distinct values' bytes in the order of their numbers; valid until the next call. */
  content(): Uint8Array {
    return new Uint8Array(this.#halves.buffer, 0, this.#count * 8);
  }

  #insert(slot: number, low: number, high: number): number {
    const at = 2 * this.#count;
    if (at === this.#halves.length) {
      const larger = new Int32Array(2 * at);
      larger.set(this.#halves);
      this.#halves = larger;
    }
    this.#halves[at] = low;
    this.#halves[at + 1] = high;
    const id = ++this.#count;
    this.#fill(this.#table, slot, low, high, id);
    if (id * 8 > this.#table.length) this.#grow();
    return id;
  }

  #fill(table: Int32Array, slot: number, low: number, high: number, id: number): void {
    table[slot] = low;
    table[slot + 1] = high;
    table[slot + 2] = id;
  }

  #grow(): void {
    const table = new Int32Array(this.#table.length * 4);
    const mask = table.length - 1;
    this.#shift -= 2;
    for (let id = 1; id <= this.#count; id++) {
      const low = this.#halves[2 * id - 2]!;
      const high = this.#halves[2 * id - 1]!;
      let slot = (hashOf(low, high) >>> this.#shift) << 2;
      while (table[slot + 2] !== 0) slot = (slot + 4) & mask;
      this.#fill(table, slot, low, high, id);
    }
    this.#table = table;
  }

  #clear(): void {
    this.#count = 0;
    this.#table.fill(0);
  }
}

function hashOf(low: number, high: number): number {
  const hash = Math.imul(low ^ Math.imul(high, MIX), MIX);
  return Math.imul(hash ^ (hash >>> 15), MIX);
}
