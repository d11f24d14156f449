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

/** The bytes that valid text between quotes means. */
export function decodeEscapes(raw: Uint8Array): Uint8Array {
  const text = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('utf8');
  return Buffer.from(JSON.parse(`"${text}"`) as string);
}
