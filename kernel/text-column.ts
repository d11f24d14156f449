import { copy, same } from './bytes';
import { escapeLength } from './escapes';

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const FIRST_SLOTS: u32 = 1024;
const FIRST_PLACES: u32 = 512;
const FIRST_BYTES: u32 = 32 * 1024;
/** Larger memory is not kept from one row group to the next. */
const MAX_KEPT_BYTES: u32 = 2 * 1024 * 1024;
const SLOT_BYTES: u32 = 8;
/** Before each spelling: its coded length and its number. */
export const HEAD_BYTES: u32 = 8;
/** What is looked at, or overwritten, behind a spelling. */
const SLACK: u32 = 16;
const MIX: u32 = 0x9e3779b1;
const MIX_64: u64 = ((<u64>0x9e3779b9) << 32) | 0x7f4a7c15;

/** Bytes of distinct spellings, of all columns together. */
let held: u32 = 0;

export function heldBytes(): u32 {
  return held;
}

/**
 * The values of a text column as a dictionary that grows: each distinct spelling between the quotes is kept once, in its
 * raw bytes, and a row holds its number. Nothing is decoded before the row group is written.
 */
@unmanaged
export class TextColumn {
  /** Per row an i32: 0 for null, else the number of its spelling, from 1. */
  ids: usize;
  /** Distinct spellings. */
  count: u32;
  /** Open addressing; a slot is a hash and the place in `bytes`, + 1. Small, so that it stays in the processor's cache. */
  table: usize;
  slots: u32;
  shift: u32;
  /** Spellings in the order of their numbers, each behind its coded length (bytes × 2, + 1 with escapes in it) and number. */
  bytes: usize;
  usedBytes: u32;
  roomBytes: u32;
  /** By number: the place in `bytes`. */
  places: usize;
  roomPlaces: u32;
}

export function newTextColumn(rows: u32): usize {
  const column = changetype<TextColumn>(heap.alloc(offsetof<TextColumn>()));
  column.ids = heap.alloc(rows * 4);
  column.places = heap.alloc(FIRST_PLACES * 4);
  column.roomPlaces = FIRST_PLACES;
  column.count = 0;
  column.usedBytes = 0;
  useTable(column, FIRST_SLOTS);
  useBytes(column, FIRST_BYTES);
  return changetype<usize>(column);
}

/** Forgets all values; large memory is let go. */
export function clearText(at: usize): void {
  const column = changetype<TextColumn>(at);
  held -= column.usedBytes;
  column.count = 0;
  column.usedBytes = 0;
  // The next row group will need as much.
  if (column.slots * SLOT_BYTES > MAX_KEPT_BYTES) {
    heap.free(column.table);
    useTable(column, FIRST_SLOTS);
  } else memory.fill(column.table, 0, column.slots * SLOT_BYTES);
  if (column.roomBytes > MAX_KEPT_BYTES) {
    heap.free(column.bytes);
    useBytes(column, FIRST_BYTES);
  }
}

function useTable(column: TextColumn, slots: u32): void {
  column.table = heap.alloc(slots * SLOT_BYTES);
  column.slots = slots;
  column.shift = 32 - ctz(slots);
  memory.fill(column.table, 0, slots * SLOT_BYTES);
}

function useBytes(column: TextColumn, room: u32): void {
  column.bytes = heap.alloc(room + SLACK);
  column.roomBytes = room;
}

/**
 * Takes the JSON text that begins at `p` as the value of `row`: the position behind it, or 0 when it is no text or holds
 * a NUL, a control character, a lone surrogate or an unknown escape. UTF-8 is the caller's concern. Looks at up to 16
 * bytes behind the text, and does not stop before a quote or a control character.
 */
export function takeText(at: usize, p: usize, row: u32): usize {
  if (load<u8>(p) !== QUOTE) return 0;
  const start = ++p;
  let escaped: u32 = 0;
  for (;;) {
    const x = v128.load(p);
    const quotes = i8x16.eq(x, i8x16.splat(0x22));
    const backslashes = i8x16.eq(x, i8x16.splat(0x5c));
    const controls = i8x16.lt_u(x, i8x16.splat(0x20));
    const marks = i8x16.bitmask(v128.or(v128.or(quotes, backslashes), controls));
    if (marks === 0) {
      p += 16;
      continue;
    }
    p += ctz(marks);
    const c = load<u8>(p);
    if (c === QUOTE) break;
    if (c !== BACKSLASH) return 0;
    const length = escapeLength(p);
    if (length === 0) return 0;
    escaped = 1;
    p += length;
  }
  const column = changetype<TextColumn>(at);
  store<u32>(column.ids + ((<usize>row) << 2), idOf(column, start, <u32>(p - start), escaped));
  return p + 1;
}

function idOf(column: TextColumn, start: usize, length: u32, escaped: u32): u32 {
  const table = column.table;
  const bytes = column.bytes;
  const hash = hashOf(start, length);
  const mask = column.slots - 1;
  const coded = length * 2 + escaped;
  let slot = (hash * MIX) >>> column.shift;
  let place = load<u32>(table + slot * SLOT_BYTES, 4);
  while (place !== 0) {
    if (load<u32>(table + slot * SLOT_BYTES) === hash) {
      const at = bytes + place - 1;
      if (load<u32>(at) === coded && same(start, at + HEAD_BYTES, length)) return load<u32>(at, 4);
    }
    slot = (slot + 1) & mask;
    place = load<u32>(table + slot * SLOT_BYTES, 4);
  }
  return insert(column, start, coded, hash, table + slot * SLOT_BYTES);
}

/** Looks at up to 15 bytes behind the text. */
function hashOf(p: usize, length: u32): u32 {
  let a: u64 = length;
  let b: u64 = 0;
  while (length > 16) {
    a = (rotl<u64>(a, 5) ^ load<u64>(p)) * MIX_64;
    b = (rotl<u64>(b, 5) ^ load<u64>(p, 8)) * MIX_64;
    p += 16;
    length -= 16;
  }
  if (length > 8) {
    a = (rotl<u64>(a, 5) ^ load<u64>(p)) * MIX_64;
    b = (rotl<u64>(b, 5) ^ (load<u64>(p, 8) & (u64.MAX_VALUE >> (128 - 8 * length)))) * MIX_64;
  } else if (length > 0) {
    a = (rotl<u64>(a, 5) ^ (load<u64>(p) & (u64.MAX_VALUE >> (64 - 8 * length)))) * MIX_64;
  }
  return <u32>(((a ^ rotl<u64>(b, 32)) * MIX_64) >>> 32);
}

function insert(column: TextColumn, start: usize, coded: u32, hash: u32, slot: usize): u32 {
  const id = ++column.count;
  const length = coded >> 1;
  const from = column.usedBytes;
  const size = HEAD_BYTES + length;
  if (from + size > column.roomBytes) {
    column.roomBytes = max(from + size, column.roomBytes * 2);
    column.bytes = heap.realloc(column.bytes, column.roomBytes + SLACK);
  }
  const at = column.bytes + from;
  store<u32>(at, coded);
  store<u32>(at, id, 4);
  copy(at + HEAD_BYTES, start, length);
  column.usedBytes = from + size;
  held += size;
  if (id >= column.roomPlaces) {
    column.roomPlaces *= 2;
    column.places = heap.realloc(column.places, column.roomPlaces * 4);
  }
  store<u32>(column.places + id * 4, from);
  store<u32>(slot, hash);
  store<u32>(slot, from + 1, 4);
  // Sparse enough to be quick, dense enough to stay in the processor's cache.
  if (id * 3 > column.slots * 2) grow(column);
  return id;
}

function grow(column: TextColumn): void {
  const before = column.table;
  const slots = column.slots;
  useTable(column, slots * 2);
  const mask = column.slots - 1;
  for (let i: u32 = 0; i < slots; i++) {
    const entry = load<u64>(before + i * SLOT_BYTES);
    if (entry === 0) continue;
    let slot = (<u32>entry * MIX) >>> column.shift;
    while (load<u64>(column.table + slot * SLOT_BYTES) !== 0) slot = (slot + 1) & mask;
    store<u64>(column.table + slot * SLOT_BYTES, entry);
  }
  heap.free(before);
}
