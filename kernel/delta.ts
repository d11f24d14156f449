import { bitWidth, packBits } from './bit-packing';
import { putInt32, putVarint, putZigzag, reserve, Sink } from './sink';

/** Differences in a block with one base, and in a miniblock with one width. */
const BLOCK: usize = 128;
const MINIBLOCK: usize = 32;

/** i64 each. */
const deltas = memory.data(128 * 8, 16);
const packed = memory.data(32 * 4, 16);

/**
 * Puts whole numbers, f64 each and exact, as DELTA_BINARY_PACKED: the first one, then blocks of differences to the number
 * before, each 32 of them packed in as few bits as they need.
 */
export function putDeltas(sink: Sink, values: usize, count: usize): void {
  putVarint(sink, BLOCK);
  putVarint(sink, BLOCK / MINIBLOCK);
  putVarint(sink, count);
  putZigzag(sink, count === 0 ? 0 : <i64>load<f64>(values));
  for (let from: usize = 1; from < count; from += BLOCK) {
    const size = min(BLOCK, count - from);
    let base = i64.MAX_VALUE;
    let previous = <i64>load<f64>(values + ((from - 1) << 3));
    for (let i: usize = 0; i < size; i++) {
      const value = <i64>load<f64>(values + ((from + i) << 3));
      const delta = value - previous;
      store<i64>(deltas + (i << 3), delta);
      if (delta < base) base = delta;
      previous = value;
    }
    // What is missing in the last miniblock is filled up; miniblocks behind it have no bytes.
    const end = ((size + MINIBLOCK - 1) / MINIBLOCK) * MINIBLOCK;
    for (let i = size; i < end; i++) store<i64>(deltas + (i << 3), base);
    putZigzag(sink, base);
    putMiniblocks(sink, end, base);
  }
}

function putMiniblocks(sink: Sink, end: usize, base: i64): void {
  let widthAt = sink.length;
  putInt32(sink, 0);
  for (let from: usize = 0; from < end; from += MINIBLOCK) {
    const block = deltas + (from << 3);
    let greatest: u64 = 0;
    for (let i: usize = 0; i < MINIBLOCK; i++) {
      const above = <u64>(load<i64>(block + (i << 3)) - base);
      store<u32>(packed + (i << 2), <u32>above);
      if (above > greatest) greatest = above;
    }
    if (greatest <= u32.MAX_VALUE) {
      const width = bitWidth(<u32>greatest);
      store<u8>(sink.bytes + widthAt++, <u8>width);
      packBits(sink, packed, MINIBLOCK, width);
    } else {
      store<u8>(sink.bytes + widthAt++, 64);
      const to = reserve(sink, MINIBLOCK * 8);
      for (let i: usize = 0; i < MINIBLOCK; i++) store<i64>(to + (i << 3), load<i64>(block + (i << 3)) - base);
      sink.length += MINIBLOCK * 8;
    }
  }
}
