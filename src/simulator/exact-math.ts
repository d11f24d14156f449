/**
 * Logarithm, exponential and sine out of additions, multiplications and divisions alone. IEEE 754 fixes those to the
 * last bit; the Math functions are not so fixed and may differ between machines, and with them the output of a seed.
 */

/** Natural logarithm of a positive finite number. */
export function ln(x: number): number {
  let mantissa = x;
  let exponent = 0;
  while (mantissa > 1.5) {
    mantissa /= 2;
    exponent++;
  }
  while (mantissa < 0.75) {
    mantissa *= 2;
    exponent--;
  }
  const z = (mantissa - 1) / (mantissa + 1);
  const square = z * z;
  let sum = 0;
  for (let k = 31; k >= 1; k -= 2) sum = sum * square + 1 / k;
  return 2 * z * sum + exponent * Math.LN2;
}

/** e to the power of x, for |x| up to some hundreds. */
export function exp(x: number): number {
  const reduced = x / 1024;
  let sum = 1;
  for (let k = 12; k >= 1; k--) sum = 1 + (sum * reduced) / k;
  for (let i = 0; i < 10; i++) sum *= sum;
  return sum;
}

/** Sine of `turns` full turns. */
export function sineOfTurns(turns: number): number {
  const part = turns - Math.floor(turns);
  const x = (part > 0.5 ? part - 1 : part) * 2 * Math.PI;
  const square = x * x;
  let sum = 0;
  for (let k = 14; k >= 0; k--) sum = 1 - (square * sum) / ((2 * k + 2) * (2 * k + 3));
  return x * sum;
}
