const BACKSLASH: u8 = 0x5c;

/** The length of the escape at `p`, a surrogate pair being one; 0 for NUL, lone surrogates and what is no escape. */
export function escapeLength(p: usize): u32 {
  switch (load<u8>(p, 1)) {
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
      const unit = hexUnit(p + 2);
      if (unit <= 0) return 0;
      if (unit < 0xd800 || unit > 0xdfff) return 6;
      if (unit > 0xdbff || load<u8>(p, 6) !== BACKSLASH || load<u8>(p, 7) !== 0x75) return 0;
      const second = hexUnit(p + 8);
      return second >= 0xdc00 && second <= 0xdfff ? 12 : 0;
    }
    default:
      return 0;
  }
}

/** The four hexadecimal digits at `p`, or −1. */
function hexUnit(p: usize): i32 {
  let unit = 0;
  for (let i: usize = 0; i < 4; i++) {
    const c = <i32>load<u8>(p + i);
    if (c >= 0x30 && c <= 0x39) unit = unit * 16 + c - 0x30;
    else if ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66) unit = unit * 16 + (c | 0x20) - 0x57;
    else return -1;
  }
  return unit;
}

/**
 * Puts what the valid text `[p, end)` between quotes means, as UTF-8, to `to`, where as many bytes must have room; gives
 * the position behind it.
 */
export function decodeEscapes(p: usize, end: usize, to: usize): usize {
  while (p < end) {
    const c = load<u8>(p);
    if (c !== BACKSLASH) {
      store<u8>(to++, c);
      p++;
      continue;
    }
    const mark = load<u8>(p, 1);
    if (mark !== 0x75) {
      store<u8>(to++, meaningOf(mark));
      p += 2;
      continue;
    }
    let point = hexUnit(p + 2);
    p += 6;
    if (point >= 0xd800 && point <= 0xdfff) {
      point = 0x10000 + ((point - 0xd800) << 10) + hexUnit(p + 2) - 0xdc00;
      p += 6;
    }
    to = putPoint(point, to);
  }
  return to;
}

/** By the character behind the backslash. */
function meaningOf(mark: u8): u8 {
  switch (mark) {
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    default:
      return mark;
  }
}

/** An escape is never shorter than the UTF-8 of its character. */
function putPoint(point: i32, to: usize): usize {
  if (point < 0x80) {
    store<u8>(to, <u8>point);
    return to + 1;
  }
  if (point < 0x800) {
    store<u8>(to, <u8>(0xc0 | (point >> 6)));
    store<u8>(to, <u8>(0x80 | (point & 0x3f)), 1);
    return to + 2;
  }
  if (point < 0x10000) {
    store<u8>(to, <u8>(0xe0 | (point >> 12)));
    store<u8>(to, <u8>(0x80 | ((point >> 6) & 0x3f)), 1);
    store<u8>(to, <u8>(0x80 | (point & 0x3f)), 2);
    return to + 3;
  }
  store<u8>(to, <u8>(0xf0 | (point >> 18)));
  store<u8>(to, <u8>(0x80 | ((point >> 12) & 0x3f)), 1);
  store<u8>(to, <u8>(0x80 | ((point >> 6) & 0x3f)), 2);
  store<u8>(to, <u8>(0x80 | (point & 0x3f)), 3);
  return to + 4;
}
