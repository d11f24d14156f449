const FIRST_SLOTS: u32 = 4096;
const SLOT_BYTES: u32 = 16;
const MIX: u64 = ((<u64>0x9e3779b9) << 32) | 0x7f4a7c15;

/** Open addressing; a slot is the value's bits and its number, from 1. */
let table: usize = 0;
let slots: u32 = 0;
/** The distinct values in the order of their numbers. */
let distinct: usize = 0;
let room: u32 = 0;

/**
 * Numbers doubles by their bits, so that −0 and 0 are two: puts into `ids`, u32 each, the numbers from 0 of `count` values;
 * gives how many are distinct, or 0 (and `ids` is of no use) when they are more than `most`. They stand at
 * `distinctDoubles()` until the next call.
 */
export function numberDoubles(values: usize, count: usize, ids: usize, most: u32): u32 {
  if (slots !== FIRST_SLOTS) useTable(FIRST_SLOTS);
  else memory.fill(table, 0, slots * SLOT_BYTES);
  let known: u32 = 0;
  for (let i: usize = 0; i < count; i++) {
    const bits = load<u64>(values + (i << 3));
    const at = find(bits);
    let id = load<u32>(at, 8);
    if (id === 0) {
      if (known === most) return 0;
      id = ++known;
      store<u64>(at, bits);
      store<u32>(at, id, 8);
      keep(bits, id);
      if (id * 2 > slots) grow(known);
    }
    store<u32>(ids + (i << 2), id - 1);
  }
  return known;
}

export function distinctDoubles(): usize {
  return distinct;
}

function find(bits: u64): usize {
  const mask = slots - 1;
  let slot = <u32>((bits * MIX) >>> (64 - ctz(slots)));
  let at = table + slot * SLOT_BYTES;
  while (load<u32>(at, 8) !== 0 && load<u64>(at) !== bits) {
    slot = (slot + 1) & mask;
    at = table + slot * SLOT_BYTES;
  }
  return at;
}

function keep(bits: u64, id: u32): void {
  if (id > room) {
    room = max(room * 2, FIRST_SLOTS);
    distinct = distinct === 0 ? heap.alloc(room * 8) : heap.realloc(distinct, room * 8);
  }
  store<u64>(distinct + ((id - 1) << 3), bits);
}

function grow(known: u32): void {
  useTable(slots * 4);
  for (let id: u32 = 1; id <= known; id++) {
    const bits = load<u64>(distinct + ((id - 1) << 3));
    const at = find(bits);
    store<u64>(at, bits);
    store<u32>(at, id, 8);
  }
}

function useTable(size: u32): void {
  if (table !== 0) heap.free(table);
  slots = size;
  table = heap.alloc(size * SLOT_BYTES);
  memory.fill(table, 0, size * SLOT_BYTES);
}
