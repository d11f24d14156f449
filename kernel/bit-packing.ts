import { putByte, putVarint, reserve, Sink } from './sink';

/** Bits that hold every number from 0 to `max`. */
export function bitWidth(max: u32): u32 {
  return 32 - clz(max);
}

/** Packs `count` numbers, u32 each, of `width` ≤ 32 bits, lowest bits first; the last byte is filled up with zeros. */
export function packBits(sink: Sink, values: usize, count: usize, width: u32): void {
  if (width === 0) return;
  const bytes = (count * width + 7) >> 3;
  let p = reserve(sink, bytes + 8);
  let word: u64 = 0;
  let used: u32 = 0;
  const end = values + (count << 2);
  for (; values < end; values += 4) {
    word |= (<u64>load<u32>(values)) << used;
    used += width;
    if (used < 32) continue;
    store<u32>(p, <u32>word);
    p += 4;
    word >>= 32;
    used -= 32;
  }
  store<u32>(p, <u32>word);
  sink.length += bytes;
}

/** Numbers of `width` bits in one run of Parquet's hybrid of run lengths and packed bits. */
export function putPackedRun(sink: Sink, values: usize, count: usize, width: u32): void {
  const groups = (count + 7) >> 3;
  putVarint(sink, groups * 2 + 1);
  const from = sink.length;
  packBits(sink, values, count, width);
  endRun(sink, from + groups * width);
}

/** Bits that are packed already, as such a run. */
export function putBitsRun(sink: Sink, bits: usize, count: usize): void {
  const groups = (count + 7) >> 3;
  putVarint(sink, groups * 2 + 1);
  memory.copy(reserve(sink, groups), bits, groups);
  sink.length += groups;
}

/** The last group of a run is whole. */
function endRun(sink: Sink, end: usize): void {
  const missing = end - sink.length;
  memory.fill(reserve(sink, missing), 0, missing);
  sink.length = end;
}

/** The same number, of at most eight bits, `count` times in one run. */
export function putRepeatedRun(sink: Sink, value: u32, count: usize): void {
  putVarint(sink, count * 2);
  putByte(sink, value);
}
