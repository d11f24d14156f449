import { bitWidth, packBits } from './bit-packing.ts';
import type { ByteSink } from './byte-sink.ts';

/** Differences in a block with one base, and in a miniblock with one width. */
const BLOCK = 128;
const MINIBLOCK = 32;

/** Numbers up to here, and what is reckoned with them, are exact as doubles. */
export const MAX_DELTA_VALUE = 2 ** 50;

/**
 * Puts whole numbers, none of them beyond ±MAX_DELTA_VALUE, as DELTA_BINARY_PACKED: the first one, then blocks of
 * differences to the number before, each 32 of them packed in as few bits as they need.
 */
export function putDeltas(out: ByteSink, values: Float64Array, count: number): void {
  out.varint(BLOCK);
  out.varint(BLOCK / MINIBLOCK);
  out.varint(count);
  out.zigzag(count === 0 ? 0 : values[0]!);
  const deltas = new Float64Array(BLOCK);
  const packed = new Int32Array(MINIBLOCK);
  for (let from = 1; from < count; from += BLOCK) {
    const size = Math.min(BLOCK, count - from);
    let base = Number.POSITIVE_INFINITY;
    let previous = values[from - 1]!;
    for (let i = 0; i < size; i++) {
      const value = values[from + i]!;
      const delta = value - previous;
      deltas[i] = delta;
      if (delta < base) base = delta;
      previous = value;
    }
    // What is missing in the last miniblock is filled up; miniblocks behind it have no bytes.
    const end = Math.ceil(size / MINIBLOCK) * MINIBLOCK;
    deltas.fill(base, size, end);
    out.zigzag(base);
    putMiniblocks(out, deltas, end, base, packed);
  }
}

function putMiniblocks(out: ByteSink, deltas: Float64Array, end: number, base: number, packed: Int32Array): void {
  let widthAt = out.length;
  out.int32(0);
  for (let from = 0; from < end; from += MINIBLOCK) {
    let max = 0;
    for (let i = 0; i < MINIBLOCK; i++) {
      const above = deltas[from + i]! - base;
      packed[i] = above;
      if (above > max) max = above;
    }
    if (max < 2 ** 32) {
      const width = bitWidth(max);
      out.bytes[widthAt++] = width;
      packBits(out, packed, 0, MINIBLOCK, width);
    } else {
      out.bytes[widthAt++] = 64;
      for (let i = from; i < from + MINIBLOCK; i++) out.int64(deltas[i]! - base);
    }
  }
}
