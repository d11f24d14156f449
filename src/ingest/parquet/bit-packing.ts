import type { ByteSink } from './byte-sink.ts';

/** Bits that hold every number from 0 to `max`, which is below 2^32. */
export function bitWidth(max: number): number {
  return 32 - Math.clz32(max);
}

/**
 * Packs `values[from, to)`, each an unsigned number of `width` ≤ 32 bits, lowest bits first; the last byte is filled
 * up with zeros.
 */
export function packBits(out: ByteSink, values: Int32Array, from: number, to: number, width: number): void {
  if (width === 0) return;
  const bytes = Math.ceil(((to - from) * width) / 8);
  out.reserve(bytes + 8);
  const { view } = out;
  let p = out.length;
  let word = 0;
  let used = 0;
  for (let i = from; i < to; i++) {
    const value = values[i]!;
    word |= value << used;
    used += width;
    if (used < 32) continue;
    view.setInt32(p, word, true);
    p += 4;
    used -= 32;
    // A shift by 32 would be none.
    word = used === 0 ? 0 : value >>> (width - used);
  }
  view.setInt32(p, word, true);
  out.length += bytes;
}

/** Numbers of `width` bits in one run of Parquet's hybrid of run lengths and packed bits. */
export function putPackedRun(out: ByteSink, values: Int32Array, count: number, width: number): void {
  const groups = Math.ceil(count / 8);
  out.varint(groups * 2 + 1);
  const end = out.length + groups * width;
  packBits(out, values, 0, count, width);
  // The last group is whole.
  out.reserve(end - out.length);
  out.bytes.fill(0, out.length, end);
  out.length = end;
}

/** The same number, of at most eight bits, `count` times in one run. */
export function putRepeatedRun(out: ByteSink, value: number, count: number): void {
  out.varint(count * 2);
  out.byte(value);
}
