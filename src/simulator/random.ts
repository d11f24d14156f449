/**
 * One stream of pseudo-random numbers: xoshiro128** over 32-bit words, so it gives the same numbers on every machine.
 * A stream is named by (seed, purpose, index); no two names share their state, and what one consumes moves no other.
 */
export class RandomStream {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number, purpose: string, index = 0) {
    const low = seed >>> 0;
    const high = Math.floor(seed / 4_294_967_296) >>> 0;
    const name = hashText(purpose);
    this.a = mix(low ^ name);
    this.b = mix(high + 0x9e3779b9);
    // Bijective in the index: streams of one seed and purpose never start in the same state.
    this.c = mix(index ^ Math.imul(name, 0x85ebca6b));
    this.d = mix(name + 0x6a09e667) | 1;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** An integer in [0, 2^32). */
  next(): number {
    const b = this.b;
    const x = Math.imul(b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9);
    const t = b << 9;
    this.c ^= this.a;
    this.d ^= b;
    this.b = b ^ this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result >>> 0;
  }

  /** An integer in [0, n), n up to 2^32. */
  below(n: number): number {
    return Math.floor((this.next() / 4_294_967_296) * n);
  }

  /** A multiple of 2^-32 in [0, 1). */
  fraction(): number {
    return this.next() / 4_294_967_296;
  }

  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.next() < p * 4_294_967_296;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** `count` characters of `alphabet`. */
  text(alphabet: string, count: number): string {
    let result = '';
    for (let i = 0; i < count; i++) result += alphabet[this.below(alphabet.length)];
    return result;
  }
}

function mix(word: number): number {
  let x = word | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
