import { parseDouble } from './host';

const DOT: u32 = <u32>(0x2e - 0x30);
const SMALL_E: u32 = 0x65 - 0x30;
const LARGE_E: u32 = 0x45 - 0x30;
const TRUE: u32 = 0x65757274;
const ALSE: u32 = 0x65736c61;

/** A number of so many digits is exact as a double, and so is 10^22: their quotient is the double nearest to the decimal. */
const EXACT_DIGITS: usize = 15;
const POWERS = memory.data<f64>([1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15]);
/** Longer ones are left to others. */
const MAX_LENGTH: usize = 40;

/**
 * Takes the JSON number that begins at `p`, as an f64 at `to`: the position behind it, or 0 when it is not plainly a
 * whole number of at most 15 digits (a single `.0` behind it allowed).
 */
export function takeInteger(p: usize, to: usize): usize {
  const negative = load<u8>(p) === 0x2d;
  if (negative) p++;
  const start = p;
  let value: i64 = 0;
  let digit = <u32>load<u8>(p) - 48;
  while (digit <= 9) {
    value = value * 10 + digit;
    digit = <u32>load<u8>(++p) - 48;
  }
  const n = p - start;
  if (n === 0 || n > EXACT_DIGITS || (n > 1 && load<u8>(start) === 0x30)) return 0;
  if (digit === DOT && load<u8>(p, 1) === 0x30) {
    p += 2;
    digit = <u32>load<u8>(p) - 48;
    if (digit <= 9) return 0;
  }
  if (digit === DOT || digit === LARGE_E || digit === SMALL_E) return 0;
  store<f64>(to, <f64>(negative ? -value : value));
  return p;
}

/**
 * Takes the JSON number that begins at `p`, as an f64 at `to`: the position behind it, or 0 when it is no number or has
 * an exponent or more than 40 characters.
 */
export function takeDouble(p: usize, to: usize): usize {
  const start = p;
  const negative = load<u8>(p) === 0x2d;
  if (negative) p++;
  const whole = p;
  let value: i64 = 0;
  let digit = <u32>load<u8>(p) - 48;
  while (digit <= 9) {
    value = value * 10 + digit;
    digit = <u32>load<u8>(++p) - 48;
  }
  let digits = p - whole;
  if (digits === 0 || (digits > 1 && load<u8>(whole) === 0x30)) return 0;
  let decimals: usize = 0;
  if (digit === DOT) {
    const fraction = ++p;
    digit = <u32>load<u8>(p) - 48;
    while (digit <= 9) {
      value = value * 10 + digit;
      digit = <u32>load<u8>(++p) - 48;
    }
    decimals = p - fraction;
    if (decimals === 0) return 0;
    digits += decimals;
  }
  if (digit === LARGE_E || digit === SMALL_E || p - start > MAX_LENGTH) return 0;
  if (digits > EXACT_DIGITS) store<f64>(to, parseDouble(start, p));
  else {
    const double = <f64>value / load<f64>(POWERS + (decimals << 3));
    // -0 is the whole number 0, as the engine reads it; -0.0 is the double.
    store<f64>(to, !negative ? double : decimals === 0 ? 0 - double : -double);
  }
  return p;
}

/** Takes the word at `p`, as a byte at `to`, 1 for false and 2 for true: the position behind it, or 0 when it is neither. */
export function takeBoolean(p: usize, to: usize): usize {
  if (load<u32>(p) === TRUE) {
    store<u8>(to, 2);
    return p + 4;
  }
  if (load<u8>(p) !== 0x66 || load<u32>(p, 1) !== ALSE) return 0;
  store<u8>(to, 1);
  return p + 5;
}

/** Whether the value at `p` is a text that is empty or a whole number of at most 18 digits. */
export function isIntegerText(p: usize): bool {
  if (load<u8>(p++) !== 0x22) return false;
  const negative = load<u8>(p) === 0x2d;
  if (negative) p++;
  const start = p;
  while (<u32>load<u8>(p) - 48 <= 9) p++;
  return load<u8>(p) === 0x22 && p - start <= 18 && !(negative && p === start);
}
