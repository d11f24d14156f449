/** Decimal digits of which any number is exact as a double. */
const EXACT_DIGITS = 15;

/** The values of an integer column, 64 bits each. */
export class IntegerColumn {
  readonly type = 'integer';
  /** Per row: NaN for null, Infinity for a value that stands in `huge`, else the exact value. */
  readonly values: Float64Array;
  /** By row: values that doubles do not hold exactly. A row's entry counts only where `values` says so. */
  readonly huge = new Map<number, bigint>();

  constructor(rows: number) {
    this.values = new Float64Array(rows);
  }

  setNull(row: number): void {
    this.values[row] = Number.NaN;
  }

  /**
   * Takes the JSON number that begins at `p` as the value of `row`: the position behind it, or −1 when it is not plainly
   * a whole number of at most 15 digits (a single `.0` behind it allowed).
   */
  take(bytes: Buffer, p: number, row: number): number {
    const negative = bytes[p] === 0x2d;
    if (negative) p++;
    const start = p;
    let value = 0;
    let digit = bytes[p]! - 48;
    while (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digit = bytes[++p]! - 48;
    }
    const n = p - start;
    if (n === 0 || n > EXACT_DIGITS || (n > 1 && bytes[start] === 0x30)) return -1;
    if (digit === -2 && bytes[p + 1] === 0x30) {
      p += 2;
      digit = bytes[p]! - 48;
      if (digit >= 0 && digit <= 9) return -1;
    }
    // "." or an exponent
    if (digit === -2 || digit === 21 || digit === 53) return -1;
    this.values[row] = negative ? -value : value;
    return p;
  }

  set(row: number, value: bigint): void {
    const double = Number(value);
    if (Number.isSafeInteger(double)) this.values[row] = double;
    else {
      this.values[row] = Number.POSITIVE_INFINITY;
      this.huge.set(row, value);
    }
  }

  clear(): void {
    this.huge.clear();
  }
}
