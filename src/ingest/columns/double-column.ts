import type { Encoded, Kernel } from '../kernel/kernel.ts';

/** The values of a double column. */
export class DoubleColumn {
  readonly type = 'double';
  /** Where the values are: a double a row; NaN for null, which no JSON number is. */
  readonly at: number;
  readonly #kernel: Kernel;
  readonly #values: Float64Array;

  constructor(kernel: Kernel, rows: number) {
    this.#kernel = kernel;
    this.at = kernel.alloc(rows * 8);
    this.#values = kernel.doubles(this.at, rows);
  }

  setNull(row: number): void {
    this.#values[row] = Number.NaN;
  }

  set(row: number, value: number): void {
    this.#values[row] = value;
  }

  encode(rows: number): Encoded {
    return this.#kernel.encodeDouble(this.at, rows);
  }

  clear(): void {}
}
