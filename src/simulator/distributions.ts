import { exp, ln } from './exact-math.ts';
import type { RandomStream } from './random.ts';

const QUANTILES = 65_536;

/** Draws exponential variates of mean 1 from a table of quantiles: one draw, one look-up. */
export interface Exponential {
  draw(random: RandomStream): number;
}

export function exponential(): Exponential {
  const table = new Float64Array(QUANTILES);
  for (let i = 0; i < QUANTILES; i++) table[i] = -ln((i + 0.5) / QUANTILES);
  return { draw: (random) => table[random.next() >>> 16] as number };
}

/** Draws an index of a fixed distribution in constant time (Vose's alias method). */
export class AliasSampler {
  private readonly threshold: Uint32Array;
  private readonly alias: Uint32Array;

  constructor(weights: Float64Array) {
    const n = weights.length;
    this.threshold = new Uint32Array(n);
    this.alias = new Uint32Array(n);
    let total = 0;
    for (const w of weights) total += w;
    const scaled = weights.map((w) => (w * n) / total);
    const small: number[] = [];
    const large: number[] = [];
    for (let i = 0; i < n; i++) ((scaled[i] as number) < 1 ? small : large).push(i);
    while (small.length > 0 && large.length > 0) {
      const s = small.pop() as number;
      const l = large.pop() as number;
      this.threshold[s] = Math.floor((scaled[s] as number) * 4_294_967_295);
      this.alias[s] = l;
      scaled[l] = (scaled[l] as number) + (scaled[s] as number) - 1;
      ((scaled[l] as number) < 1 ? small : large).push(l);
    }
    for (const i of [...small, ...large]) {
      this.threshold[i] = 4_294_967_295;
      this.alias[i] = i;
    }
  }

  draw(random: RandomStream): number {
    const i = random.below(this.threshold.length);
    return random.next() <= (this.threshold[i] as number) ? i : (this.alias[i] as number);
  }
}

/** A sampler over `count` items whose popularity falls with a random rank as 1 / (rank + 2)^exponent. */
export function heavyTailed(count: number, exponent: number, random: RandomStream): AliasSampler {
  const ranks = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const swapped = ranks[i] as number;
    ranks[i] = ranks[j] as number;
    ranks[j] = swapped;
  }
  const weights = new Float64Array(count);
  for (let i = 0; i < count; i++) weights[i] = exp(-exponent * ln((ranks[i] as number) + 2));
  return new AliasSampler(weights);
}
