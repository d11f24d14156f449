import type { Encoded, Kernel } from '../kernel/kernel.ts';

/** The values of an integer column, 64 bits each. */
export class IntegerColumn {
  readonly type = 'integer';
  /** Where the values are: a double a row; NaN for null, Infinity for a value that stands in `#huge`, else the exact value. */
  readonly at: number;
  readonly #kernel: Kernel;
  readonly #values: Float64Array;
  /** By row: values that doubles do not hold exactly. A row's entry counts only where `#values` says so. */
  readonly #huge = new Map<number, bigint>();

  constructor(kernel: Kernel, rows: number) {
    this.#kernel = kernel;
    this.at = kernel.alloc(rows * 8);
    this.#values = kernel.doubles(this.at, rows);
  }

  setNull(row: number): void {
    this.#values[row] = Number.NaN;
  }

  set(row: number, value: bigint): void {
    const double = Number(value);
    if (Number.isSafeInteger(double)) this.#values[row] = double;
    else {
      this.#values[row] = Number.POSITIVE_INFINITY;
      this.#huge.set(row, value);
    }
  }

  encode(rows: number): Encoded {
    const { small, ...encoded } = this.#kernel.encodeInteger(this.at, rows);
    return small ? encoded : this.#plain(encoded, rows);
  }

  /** `encoded` has the levels. */
  #plain(encoded: Encoded, rows: number): Encoded {
    const levels = encoded.page.length;
    const page = Buffer.alloc(levels + 8 * (rows - encoded.nulls));
    page.set(encoded.page);
    let [least, greatest] = [2n ** 63n - 1n, -(2n ** 63n)];
    let at = levels;
    for (let row = 0; row < rows; row++) {
      const double = this.#values[row]!;
      if (Number.isNaN(double)) continue;
      const value = double === Number.POSITIVE_INFINITY ? this.#huge.get(row)! : BigInt(double);
      if (value < least) least = value;
      if (value > greatest) greatest = value;
      at = page.writeBigInt64LE(value, at);
    }
    return { ...encoded, page, extremes: { least, greatest } };
  }

  clear(): void {
    this.#huge.clear();
  }
}
