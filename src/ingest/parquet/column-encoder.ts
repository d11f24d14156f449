import type { BooleanColumn } from '../columns/boolean-column.ts';
import type { DoubleColumn } from '../columns/double-column.ts';
import type { IntegerColumn } from '../columns/integer-column.ts';
import type { RecordColumn } from '../columns/record-columns.ts';
import type { TextColumn } from '../columns/text-column.ts';
import { bitWidth, packBits, putPackedRun, putRepeatedRun } from './bit-packing.ts';
import { ByteSink } from './byte-sink.ts';
import { MAX_DELTA_VALUE, putDeltas } from './delta.ts';
import { DoubleDictionary } from './double-dictionary.ts';
import { type ColumnChunk, ENCODING } from './format.ts';
import { putDataPage, putDictionaryPage, putLevels } from './pages.ts';

/** A dictionary pays when its entries are not more than this share of the values. */
const DICTIONARY_SHARE = 0.5;
const BLOCK = 1024;

type Extremes = Pick<ColumnChunk, 'min' | 'max'>;
const NO_EXTREMES: Extremes = { min: undefined, max: undefined };

/** Encodes the columns of row groups, one after the other; holds the memory it needs for that. */
export class ColumnEncoder {
  /** Per row, whether there is a value. */
  readonly #present: Int32Array;
  /** The values (or their numbers in the dictionary) without the nulls. */
  readonly #ids: Int32Array;
  readonly #numbers: Float64Array;
  readonly #page = new ByteSink(1024 * 1024);
  readonly #dictionary = new ByteSink(256 * 1024);
  readonly #doubles = new DoubleDictionary();

  constructor(rows: number) {
    this.#present = new Int32Array(rows);
    this.#ids = new Int32Array(rows);
    this.#numbers = new Float64Array(rows);
  }

  /** Puts the first `rows` values of a column: at most a dictionary page, and one data page. */
  encode(out: ByteSink, column: RecordColumn, rows: number): ColumnChunk {
    const start = out.length;
    this.#page.clear();
    this.#dictionary.clear();
    let filled: Filled;
    switch (column.type) {
      case 'text':
        filled = this.#text(column, rows);
        break;
      case 'integer':
        filled = this.#integer(column, rows);
        break;
      case 'double':
        filled = this.#double(column, rows);
        break;
      case 'boolean':
        filled = this.#boolean(column, rows);
        break;
    }
    const { encoding, entries, nulls, extremes } = filled;
    if (entries > 0) {
      putDictionaryPage(out, { content: this.#dictionary.content(), encoding: ENCODING.plain, values: entries });
    }
    const dictionaryBytes = out.length - start;
    putDataPage(out, { content: this.#page.content(), encoding, values: rows });
    return {
      offset: start,
      sizeBytes: out.length - start,
      dictionaryBytes,
      encoding,
      nulls,
      ...extremes,
    };
  }

  #text(column: TextColumn, rows: number): Filled {
    const ids = this.#ids;
    let count = 0;
    inBlocks(rows, (from, to) => {
      count = compactIds(column.ids, from, to, this.#present, ids, count);
    });
    const nulls = rows - count;
    putLevels(this.#page, this.#present, rows, nulls);
    if (count === 0 || column.count > count * DICTIONARY_SHARE) {
      inBlocks(count, (from, to) => {
        for (let i = from; i < to; i++) putText(this.#page, column, ids[i]! + 1);
      });
      return { encoding: ENCODING.plain, entries: 0, nulls, extremes: NO_EXTREMES };
    }
    inBlocks(column.count, (from, to) => {
      for (let i = from; i < to; i++) putText(this.#dictionary, column, i + 1);
    });
    this.#putIds(count, column.count);
    return { encoding: ENCODING.dictionary, entries: column.count, nulls, extremes: NO_EXTREMES };
  }

  #integer(column: IntegerColumn, rows: number): Filled {
    const count = this.#compact(column.values, rows);
    const nulls = rows - count;
    putLevels(this.#page, this.#present, rows, nulls);
    if (count === 0) return { encoding: ENCODING.plain, entries: 0, nulls, extremes: NO_EXTREMES };
    const numbers = this.#numbers;
    const { min, max } = extremesOf(numbers, count);
    if (min >= -MAX_DELTA_VALUE && max <= MAX_DELTA_VALUE) {
      putDeltas(this.#page, numbers, count);
      const extremes = { min: int64Bytes(BigInt(min)), max: int64Bytes(BigInt(max)) };
      return { encoding: ENCODING.delta, entries: 0, nulls, extremes };
    }
    return { encoding: ENCODING.plain, entries: 0, nulls, extremes: this.#hugeIntegers(column, rows) };
  }

  #hugeIntegers(column: IntegerColumn, rows: number): Extremes {
    const page = this.#page;
    let [min, max] = [2n ** 63n - 1n, -(2n ** 63n)];
    for (let row = 0; row < rows; row++) {
      const double = column.values[row]!;
      if (Number.isNaN(double)) continue;
      const value = double === Number.POSITIVE_INFINITY ? column.huge.get(row)! : BigInt(double);
      if (value < min) min = value;
      if (value > max) max = value;
      page.put(int64Bytes(value));
    }
    return { min: int64Bytes(min), max: int64Bytes(max) };
  }

  #double(column: DoubleColumn, rows: number): Filled {
    const count = this.#compact(column.values, rows);
    const nulls = rows - count;
    putLevels(this.#page, this.#present, rows, nulls);
    const numbers = this.#numbers;
    const extremes = doubleExtremes(numbers, count);
    const entries = this.#doubles.number(numbers, count, this.#ids, Math.floor(count * DICTIONARY_SHARE));
    if (entries > 0) {
      this.#dictionary.put(this.#doubles.content());
      this.#putIds(count, entries);
      return { encoding: ENCODING.dictionary, entries, nulls, extremes };
    }
    this.#page.put(new Uint8Array(numbers.buffer, 0, count * 8));
    return { encoding: ENCODING.plain, entries: 0, nulls, extremes };
  }

  #boolean(column: BooleanColumn, rows: number): Filled {
    let count = 0;
    inBlocks(rows, (from, to) => {
      count = compactIds(column.values, from, to, this.#present, this.#ids, count);
    });
    putLevels(this.#page, this.#present, rows, rows - count);
    packBits(this.#page, this.#ids, 0, count, 1);
    return { encoding: ENCODING.plain, entries: 0, nulls: rows - count, extremes: NO_EXTREMES };
  }

  /** The numbers that are not NaN, into `#numbers`; how many they are. */
  #compact(values: Float64Array, rows: number): number {
    let count = 0;
    inBlocks(rows, (from, to) => {
      count = compactNumbers(values, from, to, this.#present, this.#numbers, count);
    });
    return count;
  }

  #putIds(count: number, entries: number): void {
    const page = this.#page;
    const width = Math.max(1, bitWidth(entries - 1));
    page.byte(width);
    if (entries === 1) putRepeatedRun(page, 0, count);
    else putPackedRun(page, this.#ids, count, width);
  }
}

interface Filled {
  readonly encoding: number;
  /** Of the dictionary; 0 without one. */
  readonly entries: number;
  readonly nulls: number;
  readonly extremes: Extremes;
}

/**
 * Goes over `[0, count)` block by block: what is called often is compiled well and soon, a single long loop is not.
 */
function inBlocks(count: number, work: (from: number, to: number) => void): void {
  for (let from = 0; from < count; from += BLOCK) work(from, Math.min(from + BLOCK, count));
}

/** Those of `values[from, to)` that are not 0, less 1, into `out` from `count` on; gives the new count. */
function compactIds(
  values: Int32Array | Uint8Array,
  from: number,
  to: number,
  present: Int32Array,
  out: Int32Array,
  count: number,
): number {
  for (let row = from; row < to; row++) {
    const value = values[row]!;
    // Written for a null too, and then overwritten: cheaper than a branch.
    out[count] = value - 1;
    const there = value === 0 ? 0 : 1;
    present[row] = there;
    count += there;
  }
  return count;
}

/** Those of `values[from, to)` that are not NaN, into `out` from `count` on; gives the new count. */
function compactNumbers(
  values: Float64Array,
  from: number,
  to: number,
  present: Int32Array,
  out: Float64Array,
  count: number,
): number {
  for (let row = from; row < to; row++) {
    const value = values[row]!;
    out[count] = value;
    const there = Number.isNaN(value) ? 0 : 1;
    present[row] = there;
    count += there;
  }
  return count;
}

function putText(out: ByteSink, column: TextColumn, id: number): void {
  out.reserve(4 + column.room(id));
  const start = out.length + 4;
  const end = column.put(id, out.bytes, start);
  out.view.setInt32(out.length, end - start, true);
  out.length = end;
}

function int64Bytes(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}

/** As the format wants it, a zero that is least is −0 and one that is greatest +0: readers may tell them apart. */
function doubleExtremes(numbers: Float64Array, count: number): Extremes {
  if (count === 0) return NO_EXTREMES;
  const { min, max } = extremesOf(numbers, count);
  return { min: doubleBytes(min === 0 ? -0 : min), max: doubleBytes(max === 0 ? 0 : max) };
}

/** Of the first `count` numbers, which are at least one. */
function extremesOf(numbers: Float64Array, count: number): { readonly min: number; readonly max: number } {
  let min = numbers[0]!;
  let max = min;
  inBlocks(count, (from, to) => {
    min = leastOf(numbers, from, to, min);
    max = greatestOf(numbers, from, to, max);
  });
  return { min, max };
}

function leastOf(numbers: Float64Array, from: number, to: number, least: number): number {
  for (let i = from; i < to; i++) if (numbers[i]! < least) least = numbers[i]!;
  return least;
}

function greatestOf(numbers: Float64Array, from: number, to: number, greatest: number): number {
  for (let i = from; i < to; i++) if (numbers[i]! > greatest) greatest = numbers[i]!;
  return greatest;
}

function doubleBytes(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}
