/** Bytes that are put one behind the other; grows as needed. Numbers are little-endian. */
@unmanaged
export class Sink {
  bytes: usize;
  length: usize;
  room: usize;
  firstRoom: usize;
}

export function newSink(room: usize): Sink {
  const sink = changetype<Sink>(heap.alloc(offsetof<Sink>()));
  sink.firstRoom = room;
  sink.length = 0;
  resize(sink, room, 0);
  return sink;
}

/** Makes room for so many bytes more; gives where they go. */
export function reserve(sink: Sink, count: usize): usize {
  const needed = sink.length + count;
  if (needed > sink.room) resize(sink, max(needed, sink.room * 2), sink.bytes);
  return sink.bytes + sink.length;
}

/** Forgets everything; much more memory than at first is let go. */
export function clear(sink: Sink): void {
  sink.length = 0;
  if (sink.room <= 8 * sink.firstRoom) return;
  heap.free(sink.bytes);
  resize(sink, sink.firstRoom, 0);
}

function resize(sink: Sink, room: usize, bytes: usize): void {
  sink.bytes = bytes === 0 ? heap.alloc(room) : heap.realloc(bytes, room);
  sink.room = room;
}

export function putByte(sink: Sink, value: u32): void {
  store<u8>(reserve(sink, 1), <u8>value);
  sink.length++;
}

export function putInt32(sink: Sink, value: u32): void {
  store<u32>(reserve(sink, 4), value);
  sink.length += 4;
}

/** An unsigned LEB128 number. */
export function putVarint(sink: Sink, value: u64): void {
  let p = reserve(sink, 10);
  while (value >= 0x80) {
    store<u8>(p++, <u8>(value | 0x80));
    value >>= 7;
  }
  store<u8>(p++, <u8>value);
  sink.length = p - sink.bytes;
}

/** A signed number as zigzag varint. */
export function putZigzag(sink: Sink, value: i64): void {
  putVarint(sink, <u64>((value << 1) ^ (value >> 63)));
}
