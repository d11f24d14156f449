import { bitWidth, packBits, putBitsRun, putPackedRun, putRepeatedRun } from './bit-packing';
import { copy } from './bytes';
import { putDeltas } from './delta';
import { distinctDoubles, numberDoubles } from './double-dictionary';
import { decodeEscapes } from './escapes';
import { give } from './results';
import { clear, newSink, putByte, putInt32, reserve, Sink } from './sink';
import { HEAD_BYTES, TextColumn } from './text-column';

// Numbers of the Parquet format.
const PLAIN: f64 = 0;
const DELTA: f64 = 5;
const DICTIONARY: f64 = 8;

/** Numbers up to here have differences that are exact as doubles. */
const MAX_DELTA_VALUE: f64 = 1125899906842624;

/** Bits, one a row: whether there is a value. */
let levels: usize = 0;
/** The values (or their numbers in the dictionary), without the nulls: u32 and f64 each. */
let ids: usize = 0;
let numbers: usize = 0;
let page = changetype<Sink>(0);
let dictionary = changetype<Sink>(0);

/** Makes what is needed to encode columns of so many rows. */
export function prepareEncoder(rows: usize): void {
  levels = heap.alloc(((rows + 7) >> 3) + 8);
  ids = heap.alloc((rows + 1) << 2);
  numbers = heap.alloc((rows + 1) << 3);
  page = newSink(1024 * 1024);
  dictionary = newSink(256 * 1024);
}

/** Results of an encoding: 0 encoding, 1 entries of the dictionary, 2 nulls, 3 and 4 page, 5 and 6 dictionary (place, length). */
function done(encoding: f64, entries: usize, nulls: usize): void {
  give(0, encoding);
  give(1, <f64>entries);
  give(2, <f64>nulls);
  give(3, <f64>page.bytes);
  give(4, <f64>page.length);
  give(5, <f64>dictionary.bytes);
  give(6, <f64>dictionary.length);
}

export function encodeText(at: usize, rows: usize): void {
  const column = changetype<TextColumn>(at);
  begin();
  let count: usize = 0;
  let bits: u32 = 0;
  for (let row: usize = 0; row < rows; row++) {
    const id = load<u32>(column.ids + (row << 2));
    // Written for a null too, and then overwritten: cheaper than a branch.
    store<u32>(ids + (count << 2), id - 1);
    const there = <u32>(id !== 0);
    count += there;
    bits = noteLevel(bits, row, there);
  }
  endLevels(rows, bits, count);
  // A dictionary pays when its entries are not more than half of the values.
  if (count === 0 || <usize>column.count * 2 > count) {
    for (let i: usize = 0; i < count; i++) putText(page, column, load<u32>(ids + (i << 2)) + 1);
    done(PLAIN, 0, rows - count);
    return;
  }
  for (let id: u32 = 1; id <= column.count; id++) putText(dictionary, column, id);
  putIds(count, column.count);
  done(DICTIONARY, column.count, rows - count);
}

/** Of integers that doubles hold, NaN for null; further results: 7 and 8 the extremes. False when deltas cannot be used. */
export function encodeInteger(values: usize, rows: usize): bool {
  begin();
  const count = compact(values, rows);
  extremes(count);
  const nulls = rows - count;
  if (count === 0) {
    done(PLAIN, 0, nulls);
    return true;
  }
  const small = least >= -MAX_DELTA_VALUE && greatest <= MAX_DELTA_VALUE;
  if (small) putDeltas(page, numbers, count);
  done(small ? DELTA : PLAIN, 0, nulls);
  return small;
}

/** Of doubles, NaN for null; further results: 7 and 8 the extremes. */
export function encodeDouble(values: usize, rows: usize): void {
  begin();
  const count = compact(values, rows);
  extremes(count);
  const entries = numberDoubles(numbers, count, ids, <u32>(count >> 1));
  if (entries > 0) {
    put(dictionary, distinctDoubles(), (<usize>entries) << 3);
    putIds(count, entries);
    done(DICTIONARY, entries, rows - count);
    return;
  }
  put(page, numbers, count << 3);
  done(PLAIN, 0, rows - count);
}

/** Of bytes: 0 for null, 1 for false, 2 for true. */
export function encodeBoolean(values: usize, rows: usize): void {
  begin();
  let count: usize = 0;
  let bits: u32 = 0;
  for (let row: usize = 0; row < rows; row++) {
    const value = <u32>load<u8>(values + row);
    store<u32>(ids + (count << 2), value - 1);
    const there = <u32>(value !== 0);
    count += there;
    bits = noteLevel(bits, row, there);
  }
  endLevels(rows, bits, count);
  packBits(page, ids, count, 1);
  done(PLAIN, 0, rows - count);
}

function begin(): void {
  clear(page);
  clear(dictionary);
}

/** Puts the numbers that are not NaN into `numbers`, and the definition levels into the page; how many they are. */
function compact(values: usize, rows: usize): usize {
  let count: usize = 0;
  let bits: u32 = 0;
  for (let row: usize = 0; row < rows; row++) {
    const value = load<f64>(values + (row << 3));
    store<f64>(numbers + (count << 3), value);
    const there = <u32>!isNaN(value);
    count += there;
    bits = noteLevel(bits, row, there);
  }
  endLevels(rows, bits, count);
  return count;
}

/** Notes whether there is a value (1) or not (0); gives the bits of the byte that is not full yet. */
function noteLevel(bits: u32, row: usize, there: u32): u32 {
  bits |= there << (<u32>row & 7);
  if ((row & 7) !== 7) return bits;
  store<u8>(levels + (row >> 3), <u8>bits);
  return 0;
}

/** Puts the definition levels, with their length before them: 1 where there is a value. */
function endLevels(rows: usize, bits: u32, count: usize): void {
  store<u8>(levels + (rows >> 3), <u8>bits);
  const at = page.length;
  putInt32(page, 0);
  if (count === rows) putRepeatedRun(page, 1, rows);
  else if (count === 0) putRepeatedRun(page, 0, rows);
  else putBitsRun(page, levels, rows);
  store<u32>(page.bytes + at, <u32>(page.length - at - 4));
}

let least: f64 = 0;
let greatest: f64 = 0;

/** Of the first `count` of `numbers`. */
function extremes(count: usize): void {
  least = f64.POSITIVE_INFINITY;
  greatest = f64.NEGATIVE_INFINITY;
  for (let i: usize = 0; i < count; i++) {
    const value = load<f64>(numbers + (i << 3));
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  give(7, least);
  give(8, greatest);
}

function putText(sink: Sink, column: TextColumn, id: u32): void {
  const spelling = column.bytes + load<u32>(column.places + ((<usize>id) << 2));
  const from = spelling + HEAD_BYTES;
  const coded = load<u32>(spelling);
  let length = coded >> 1;
  // 16: what a copy overwrites behind the text.
  const at = reserve(sink, 4 + length + 16);
  if ((coded & 1) === 0) copy(at + 4, from, length);
  else length = <u32>(decodeEscapes(from, from + length, at + 4) - at - 4);
  store<u32>(at, length);
  sink.length += 4 + length;
}

function putIds(count: usize, entries: u32): void {
  const width = max<u32>(1, bitWidth(entries - 1));
  putByte(page, width);
  if (entries === 1) putRepeatedRun(page, 0, count);
  else putPackedRun(page, ids, count, width);
}

function put(sink: Sink, bytes: usize, length: usize): void {
  memory.copy(reserve(sink, length), bytes, length);
  sink.length += length;
}
