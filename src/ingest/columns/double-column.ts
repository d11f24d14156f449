/** A number of so many digits is exact as a double, and so is 10^22: their quotient is the double nearest to the decimal. */
const EXACT_DIGITS = 15;
const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
/** Longer ones are left to others. */
const MAX_LENGTH = 40;

/** The values of a double column. */
export class DoubleColumn {
  readonly type = 'double';
  /** Per row; NaN for null, which no JSON number is. */
  readonly values: Float64Array;

  constructor(rows: number) {
    this.values = new Float64Array(rows);
  }

  setNull(row: number): void {
    this.values[row] = Number.NaN;
  }

  /**
   * Takes the JSON number that begins at `p` as the value of `row`: the position behind it, or −1 when it is no number or
   * has an exponent or more than 40 characters.
   */
  take(bytes: Buffer, p: number, row: number): number {
    const start = p;
    const negative = bytes[p] === 0x2d;
    if (negative) p++;
    const whole = p;
    let value = 0;
    let digit = bytes[p]! - 48;
    while (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digit = bytes[++p]! - 48;
    }
    let digits = p - whole;
    if (digits === 0 || (digits > 1 && bytes[whole] === 0x30)) return -1;
    let decimals = 0;
    if (digit === -2) {
      const fraction = ++p;
      digit = bytes[p]! - 48;
      while (digit >= 0 && digit <= 9) {
        value = value * 10 + digit;
        digit = bytes[++p]! - 48;
      }
      decimals = p - fraction;
      if (decimals === 0) return -1;
      digits += decimals;
    }
    if (digit === 21 || digit === 53 || p - start > MAX_LENGTH) return -1;
    if (digits <= EXACT_DIGITS) {
      value /= POWERS[decimals]!;
      // -0 is the whole number 0, as the engine reads it; -0.0 is the double.
      this.values[row] = !negative ? value : decimals === 0 ? 0 - value : -value;
    } else this.values[row] = Number(bytes.toString('latin1', start, p));
    return p;
  }

  set(row: number, value: number): void {
    this.values[row] = value;
  }

  clear(): void {}
}
