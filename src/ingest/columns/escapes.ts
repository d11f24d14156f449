const BACKSLASH = 0x5c;

/** The length of the escape at `p`, a surrogate pair being one; −1 for NUL, lone surrogates and what is no escape. */
export function escapeLength(bytes: Uint8Array, p: number): number {
  switch (bytes[p + 1]) {
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return 2;
    case 0x75: {
      const unit = hexUnit(bytes, p + 2);
      if (unit <= 0) return -1;
      if (unit < 0xd800 || unit > 0xdfff) return 6;
      if (unit > 0xdbff || bytes[p + 6] !== BACKSLASH || bytes[p + 7] !== 0x75) return -1;
      const second = hexUnit(bytes, p + 8);
      return second >= 0xdc00 && second <= 0xdfff ? 12 : -1;
    }
    default:
      return -1;
  }
}

/** The four hexadecimal digits at `p`, or −1. */
function hexUnit(bytes: Uint8Array, p: number): number {
  let unit = 0;
  for (let i = p; i < p + 4; i++) {
    const c = bytes[i]!;
    if (c >= 0x30 && c <= 0x39) unit = unit * 16 + c - 0x30;
    else if ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66) unit = unit * 16 + (c | 0x20) - 0x57;
    else return -1;
  }
  return unit;
}

/**
 * Puts what the valid text `raw[p, end)` between quotes means, as UTF-8, into `out` from `n` on, where as many bytes must
 * have room; gives the position behind it.
 */
export function decodeEscapes(raw: Uint8Array, p: number, end: number, out: Uint8Array, n: number): number {
  while (p < end) {
    const c = raw[p]!;
    if (c !== BACKSLASH) {
      out[n++] = c;
      p++;
      continue;
    }
    const mark = raw[p + 1]!;
    if (mark !== 0x75) {
      out[n++] = MEANING[mark]!;
      p += 2;
      continue;
    }
    let point = hexUnit(raw, p + 2);
    p += 6;
    if (point >= 0xd800 && point <= 0xdfff) {
      point = 0x10000 + ((point - 0xd800) << 10) + hexUnit(raw, p + 2) - 0xdc00;
      p += 6;
    }
    n = putPoint(point, out, n);
  }
  return n;
}

/** By the character behind the backslash. */
const MEANING: Readonly<Record<number, number>> = {
  34: 0x22,
  92: 0x5c,
  47: 0x2f,
  98: 0x08,
  102: 0x0c,
  110: 0x0a,
  114: 0x0d,
  116: 0x09,
};

/** An escape is never shorter than the UTF-8 of its character. */
function putPoint(point: number, out: Uint8Array, n: number): number {
  if (point < 0x80) out[n++] = point;
  else if (point < 0x800) {
    out[n++] = 0xc0 | (point >> 6);
    out[n++] = 0x80 | (point & 0x3f);
  } else if (point < 0x10000) {
    out[n++] = 0xe0 | (point >> 12);
    out[n++] = 0x80 | ((point >> 6) & 0x3f);
    out[n++] = 0x80 | (point & 0x3f);
  } else {
    out[n++] = 0xf0 | (point >> 18);
    out[n++] = 0x80 | ((point >> 12) & 0x3f);
    out[n++] = 0x80 | ((point >> 6) & 0x3f);
    out[n++] = 0x80 | (point & 0x3f);
  }
  return n;
}
